"Training: run folders, the trainer, and one task per learner."
