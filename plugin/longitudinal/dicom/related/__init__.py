"""Objects that name others (RT, REG, SEG, PR, KO, SR): their references and what they state about themselves."""
