"""The methods that DSPnet is compared with, trained and statistical."""
