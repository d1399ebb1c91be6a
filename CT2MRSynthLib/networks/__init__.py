"""The two networks. Importing this package does not import torch; its modules do."""
