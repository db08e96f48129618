"Records of ground motion from every source, and what is done to them before a model sees them."
