"""A simulated lumbar spine: CT and axial T2 of one anatomy per seed, all lengths in mm.

``pair.render_pair`` makes one disc-level training pair, ``subject.phantom_subject`` a whole subject in memory,
``subject_files`` its files, ``pairset`` sets of pairs. Everything derives from the seed: same seed, same bytes.

A ``scene.Subject`` has severities, sizes (``anatomy``) and frames along a curved spine (``geometry``). Painters of
``trunk``, ``abdomen`` and ``spine`` paint tissue labels at points, later ones over earlier ones; ``sampling`` asks for
points where they matter; ``ct`` and ``mr`` turn tissue into pictures; ``likeness`` lays them beside real ones.
"""
