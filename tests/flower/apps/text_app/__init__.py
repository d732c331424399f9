"""An app that tells the kind of a short text: words, a recurrent layer, AdamW, two epochs a visit."""
