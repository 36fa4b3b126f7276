package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class NumberTextTest {

    @Test
    void onlyAllIsAHundredPercentAndOnlyNoneIsZero() {
        assertThat(NumberText.percent(new Proportion(19_804, 22_311), 2)).isEqualTo("88.76\u00A0%");
        assertThat(NumberText.percent(new Proportion(5, 5), 1)).isEqualTo("100.0\u00A0%");
        assertThat(NumberText.percent(new Proportion(99_999, 100_000), 1))
                .isEqualTo(">\u00A099.9\u00A0%");
        assertThat(NumberText.percent(new Proportion(1, 100_000), 1))
                .isEqualTo("<\u00A00.1\u00A0%");
        assertThat(NumberText.percent(new Proportion(0, 7), 1)).isEqualTo("0.0\u00A0%");
        assertThat(NumberText.percent(new Proportion(0, 0), 1)).isEqualTo("–");
    }

    @Test
    void anIntervalHasBothEnds() {
        assertThat(NumberText.interval(new Proportion(19_804, 22_311), 2))
                .isEqualTo("88.34–89.17\u00A0%");
        assertThat(NumberText.interval(new Proportion(0, 3), 1)).startsWith("0.0–");
        assertThat(NumberText.interval(new Proportion(0, 0), 1)).isEqualTo("–");
    }

    @Test
    void whatIsNoNumberIsAWord() {
        assertThat(NumberText.loss(0.197021484375)).isEqualTo("0.1970");
        assertThat(NumberText.loss(Double.POSITIVE_INFINITY)).isEqualTo("infinite");
        assertThat(NumberText.loss(Double.NaN)).isEqualTo("undefined");
        assertThat(NumberText.reward(Double.NEGATIVE_INFINITY)).isEqualTo("minus infinity");
        assertThat(NumberText.percent(Double.NaN, 1)).isEqualTo("undefined");
        assertThat(NumberText.duration(Double.NaN)).isEqualTo("undefined");
    }

    @Test
    void rewardsHaveATrueMinusAndNoMinusZero() {
        assertThat(NumberText.reward(-0.45249)).isEqualTo("\u22120.452");
        assertThat(NumberText.reward(-0.0)).isEqualTo("0.000");
        assertThat(NumberText.reward(-3e-5)).isEqualTo("\u22123.00e\u221205");
        assertThat(NumberText.reward(3.4e38)).isEqualTo("3.40e+38");
        assertThat(NumberText.difference(1.5)).isEqualTo("+1.500");
        assertThat(NumberText.difference(-1.5)).isEqualTo("\u22121.500");
    }

    @Test
    void ratesHaveThreeDigits() {
        assertThat(NumberText.rate(19.719)).isEqualTo("19.7");
        assertThat(NumberText.rate(0.02134)).isEqualTo("0.0213");
        assertThat(NumberText.rate(1234.6)).isEqualTo("1,235");
        assertThat(NumberText.rate(0)).isEqualTo("0");
    }

    @Test
    void durationsTakeTheUnitThatFits() {
        assertThat(NumberText.duration(15.92)).isEqualTo("15.9\u00A0s");
        assertThat(NumberText.duration(1131.4606)).isEqualTo("19\u00A0min");
        assertThat(NumberText.duration(7500)).isEqualTo("2\u00A0h 5\u00A0min");
    }

    @Test
    void marksOfAnAxisHaveTheDigitsOfItsStep() {
        assertThat(NumberText.tick(-0.5, 0.5)).isEqualTo("\u22120.5");
        assertThat(NumberText.tick(0.15000000000000002, 0.05)).isEqualTo("0.15");
        assertThat(NumberText.tick(2000, 500)).isEqualTo("2,000");
        assertThat(NumberText.tick(20_000, 10_000)).isEqualTo("20k");
        assertThat(NumberText.tick(12_500, 500)).isEqualTo("12.5k");
        assertThat(NumberText.tick(5e30, 1e30)).isEqualTo("5.00e+30");
    }
}
