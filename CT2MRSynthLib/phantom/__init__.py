"""A simulated lumbar spine: CT and axial T2 of one anatomy per seed, all lengths in mm.

``pair.render_pair`` makes one disc-level training pair, ``pairset.write_pairs`` a set of them on disk;
``subject.phantom_subject`` makes a whole CT with labels, boxes, landmarks and T2 stacks, and
``subject_files.write_subject`` its files. All derives from ``numpy.random.default_rng(seed)``: same seed, same bytes.
"""
