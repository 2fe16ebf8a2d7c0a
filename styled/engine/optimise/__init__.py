"""How it is minimised: L-BFGS and Adam, the preconditioner, averaging and the end at a plateau."""
