"""Training a generator from slice pairs. Importing this package does not import torch; its modules do."""
