package io.github.baichuanreward.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SpreadTest {

    @Test
    void tellsMedianLowestAndHighest() {
        assertThat(Spread.of(List.of(4.0, 1.0, 3.0)).text("%.1f")).isEqualTo("3.0 (1.0 to 4.0)");
    }

    @Test
    void takesTheMeanOfTheTwoInTheMiddle() {
        assertThat(Spread.of(List.of(4.0, 1.0, 3.0, 100.0)).median()).isEqualTo(3.5);
    }

    @Test
    void findsTheLowestThatSoManyPercentDoNotExceed() {
        List<Double> values = IntStream.rangeClosed(1, 102).mapToObj(n -> 103.0 - n).toList();

        assertThat(Spread.percentile(50, values)).isEqualTo(51);
        assertThat(Spread.percentile(99, values)).isEqualTo(101);
        assertThat(Spread.percentile(100, values)).isEqualTo(102);
        assertThat(Spread.percentile(99, List.of(7.0))).isEqualTo(7);
        assertThat(Spread.percentile(50, List.of(8.0, 7.0))).isEqualTo(7);
    }

    @Test
    void refusesNothing() {
        assertThatThrownBy(() -> Spread.of(List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no numbers");
    }
}
