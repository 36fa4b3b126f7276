package io.github.baichuanreward.eval;

import java.util.List;

/**
 * What the authors of the Baichuan-13B reward models published of their own evaluations, on 8 A100
 * GPUs.
 *
 * @param model its name
 * @param accuracy right pairs of all; the counts are the only ones that give the published share
 * @param loss as published
 * @param pairsPerSecond as published
 */
record PublishedEvaluation(String model, Proportion accuracy, double loss, double pairsPerSecond) {

    static final List<PublishedEvaluation> ALL =
            List.of(
                    new PublishedEvaluation(
                            "rw_safe_13b_wpack",
                            new Proportion(19_804, 22_311),
                            0.197021484375,
                            19.719),
                    new PublishedEvaluation(
                            "rw_helpful_13b_wpack",
                            new Proportion(24_115, 37_753),
                            0.63916015625,
                            17.248));
}
