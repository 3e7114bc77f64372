"""What the figures about speed and memory come from: `python run.py bench`. Run on request, never in the tests."""
