"""VGG19: its layers as data, and its weights."""

from styled.vgg19.layers import BLOCKS as BLOCKS
from styled.vgg19.layers import BY_NAME as BY_NAME
from styled.vgg19.layers import CONVOLUTIONS as CONVOLUTIONS
from styled.vgg19.layers import LAYER_NAMES as LAYER_NAMES
from styled.vgg19.layers import MEAN_BGR as MEAN_BGR
from styled.vgg19.layers import Convolution as Convolution
from styled.vgg19.layers import deepest as deepest
from styled.vgg19.layers import up_to as up_to
