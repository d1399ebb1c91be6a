"""How like real scans the simulated ones are: measures of crops, bands they must lie in, sheets of pictures.

``report.make_report`` does it all; ``ct2mrsynth phantom-report`` is its command. The measures of CT look at pictures
alone, not at the truth behind them, so that real and simulated crops are measured alike.
"""
