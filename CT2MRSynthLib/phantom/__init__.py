"""A simulated lumbar spine: CT and axial T2 of one anatomy per seed, all lengths in mm.

``pair.render_pair`` makes one disc-level training pair, ``subject.phantom_ct`` a whole CT with its five disc boxes,
``subject.write_subject`` the files. Everything derives from ``numpy.random.default_rng(seed)``: same seed, same bytes.
"""
