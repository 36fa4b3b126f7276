package io.github.baichuanreward.cuda;

import java.util.List;

/**
 * Weights that lie in one piece of memory, in the same way wherever they are: read from the
 * checkpoint once, and sent to every device that holds them.
 *
 * @param bytes of the piece
 * @param bands what of the checkpoint goes where in it
 */
record WeightBlock(long bytes, List<WeightBand> bands) {}
