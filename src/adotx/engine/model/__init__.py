"""The model as OpenVINO graphs: decoder, vision tower, projector.

In: ids and pixels. Out: logits and image features. Knows no requests.
"""
