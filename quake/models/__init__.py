"""The learners; each is imported when it is first asked for."""
import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__, submod_attrs={'autoencoder': ['ConvAutoencoder'], 'backbone': ['Backbone'], 'hierarchical_vit': ['HierarchicalViT'], 'hybrid_vit': ['HybridViT'], 'waveform_transformer': ['WaveformTransformer']})
