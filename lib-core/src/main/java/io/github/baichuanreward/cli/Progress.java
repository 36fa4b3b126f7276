package io.github.baichuanreward.cli;

import java.time.temporal.ChronoUnit;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** Shows what is done, how much of it per second, and the time left; on a terminal only. */
final class Progress implements AutoCloseable {

    private final @Nullable ProgressBar bar;

    private Progress(@Nullable ProgressBar bar) {
        this.bar = bar;
    }

    /** Shows nothing. */
    static Progress hidden() {
        return new Progress(null);
    }

    /**
     * Shows a bar on the terminal behind {@code streams.err()}.
     *
     * @param unit what is counted, in the plural
     * @param count how many there will be, or -1 if nobody knows
     */
    static Progress shown(String task, String unit, long count, Streams streams) {
        return new Progress(
                new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(count)
                        .setStyle(ProgressBarStyle.ASCII)
                        .setUnit(" " + unit, 1)
                        .setSpeedUnit(ChronoUnit.SECONDS)
                        .showSpeed()
                        .setConsumer(
                                new ConsoleProgressBarConsumer(
                                        streams.err(), streams.errColumns() - 1))
                        .build());
    }

    void done(int count) {
        if (bar != null) {
            bar.stepBy(count);
        }
    }

    /** Shows something else behind the numbers. */
    void note(String text) {
        if (bar != null) {
            bar.setExtraMessage(" " + text);
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
