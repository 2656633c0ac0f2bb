"""Patients with many time points whose every motion is known: a real head that was moved, and a phantom of 100 mm."""
