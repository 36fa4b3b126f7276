package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class AxisTest {

    @Test
    void valuesLieInProportion() {
        Axis axis = new Axis(-2, 6, 40, 360);
        assertThat(axis.at(-2)).isEqualTo(40);
        assertThat(axis.at(0)).isEqualTo(120);
        assertThat(axis.at(6)).isEqualTo(360);
    }

    @Test
    void heightsGoDownwards() {
        assertThat(new Axis(0, 4, 200, 0).at(3)).isEqualTo(50);
    }

    @Test
    void stepsAreRoundAndFewEnough() {
        assertThat(new Axis(0, 10, 0, 1).step(5)).isEqualTo(2);
        assertThat(new Axis(0, 11, 0, 1).step(5)).isEqualTo(5);
        assertThat(new Axis(0, 60, 0, 1).step(5)).isEqualTo(20);
        assertThat(new Axis(0, 0.5, 0, 1).step(5)).isEqualTo(0.1, within(1e-12));
    }

    @Test
    void ticksIncludeBothEnds() {
        assertThat(new Axis(0.5, 1, 0, 1).ticks(0.1))
                .hasSize(6)
                .first()
                .satisfies(tick -> assertThat(tick).isEqualTo(0.5));
        assertThat(new Axis(-3, 7, 0, 1).ticks(5)).containsExactly(0.0, 5.0);
    }

    @Test
    void hugeValuesCloseTogetherDoNotRunOn() {
        Axis axis = new Axis(1e17, 1e17 + 64, 0, 1);
        assertThat(axis.ticks(axis.step(6)).size()).isLessThan(102);
    }

    @Test
    void oneValueGetsRoomOnBothSides() {
        Axis axis = Axis.over(3, 3, 0, 10);
        assertThat(axis.at(3)).isEqualTo(5);
    }

    @Test
    void anAxisHasALength() {
        assertThatThrownBy(() -> new Axis(1, 1, 0, 1)).hasMessage("an axis from 1.0 to 1.0");
        assertThatThrownBy(() -> new Axis(Double.NaN, 1, 0, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
