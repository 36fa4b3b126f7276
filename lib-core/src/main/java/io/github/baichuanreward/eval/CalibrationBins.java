package io.github.baichuanreward.eval;

import java.util.ArrayList;
import java.util.List;

/** Counts pairs by their confidence, for {@link Calibration}. */
final class CalibrationBins {

    private static final int BINS = 10;
    private static final double LOWEST = 0.5;

    private final ExactSum[] confidence = new ExactSum[BINS];
    private final long[] right = new long[BINS];
    private final long[] pairs = new long[BINS];

    CalibrationBins() {
        for (int bin = 0; bin < BINS; bin++) {
            confidence[bin] = new ExactSum();
        }
    }

    void add(double difference) {
        double sure = PairLoss.confidence(difference);
        int bin = Math.min(BINS - 1, (int) ((sure - LOWEST) / (1 - LOWEST) * BINS));
        confidence[bin].add(sure);
        right[bin] += difference > 0 ? 1 : 0;
        pairs[bin]++;
    }

    Calibration calibration() {
        List<Calibration.Bin> bins = new ArrayList<>();
        double error = 0;
        long all = 0;
        for (int bin = 0; bin < BINS; bin++) {
            if (pairs[bin] > 0) {
                double mean = confidence[bin].value() / pairs[bin];
                Proportion accuracy = new Proportion(right[bin], pairs[bin]);
                bins.add(new Calibration.Bin(mean, accuracy));
                error += Math.abs(accuracy.value() - mean) * pairs[bin];
                all += pairs[bin];
            }
        }
        return new Calibration(error / all, bins);
    }
}
