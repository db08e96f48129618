"""Figures of waveforms, spectrograms and data sets."""
import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__, submod_attrs={
    'style': ['class_colours', 'use_style'],
    'fans': ['Align'],
    'fan_charts': ['plot_class_distribution', 'plot_fan_chart'],
    'spectrogram': ['plot_spectrogram'],
    'explorer': ['Explorer', 'explore'],
})
