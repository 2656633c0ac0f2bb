"""How the objects of a patient are related: RT, REG, fiducials, SEG, PR, KO and SR, and what they name."""
