package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainerMetricsTest {

    /** What the model card prints, from the numbers of pairs and the seconds behind it. */
    @Test
    void thePublishedRatesFollowFromPairsAndSeconds() {
        TrainerMetrics safe = TrainerMetrics.of(19804 / 22311.0, 0.197021484375, 22311, 1131.4606);
        assertThat(safe.accuracy()).isEqualTo(0.8876339025592757);
        assertThat(Math.rint(safe.stepsPerSecond() * safe.runtime())).isEqualTo(2789);
        assertThat(safe.samplesPerSecond()).isBetween(19.7185, 19.7195);
        assertThat(safe.stepsPerSecond()).isBetween(2.4645, 2.4655);

        TrainerMetrics helpful =
                TrainerMetrics.of(24115 / 37753.0, 0.63916015625, 37753, 2188.8722);
        assertThat(helpful.accuracy()).isEqualTo(0.6387571848594814);
        assertThat(Math.rint(helpful.stepsPerSecond() * helpful.runtime())).isEqualTo(4720);
        assertThat(helpful.samplesPerSecond()).isBetween(17.2475, 17.2485);
        assertThat(helpful.stepsPerSecond()).isBetween(2.1555, 2.1565);
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "7, 1", "8, 1", "9, 2", "16, 2", "17, 3"})
    void aLastBatchThatIsNotFullIsAStepToo(long pairs, double steps) {
        TrainerMetrics metrics = TrainerMetrics.of(1, 0, pairs, 2);
        assertThat(metrics.stepsPerSecond()).isEqualTo(steps / 2);
        assertThat(metrics.samplesPerSecond()).isEqualTo(pairs / 2.0);
    }
}
