"""Explanations: saliency of images, occlusion of words, permutation importance."""
