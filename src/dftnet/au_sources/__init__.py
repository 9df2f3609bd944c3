"""Where Action Units come from: the estimator, MediaPipe's blendshapes, label tables of other tools."""
