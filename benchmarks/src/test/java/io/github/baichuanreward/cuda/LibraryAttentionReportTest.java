package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.cuda.LibraryAttentionReport.Times;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

final class LibraryAttentionReportTest {

    private static final Times KERNEL = new Times(100, 99, 104.25);

    @Test
    void tellsTimesAndHowManyTimesAsFastTheKernelIs() {
        Times libraries = new Times(450, 440, 470);

        assertThat(table(Map.of(AttentionWay.KERNEL, KERNEL, AttentionWay.LIBRARIES, libraries)))
                .endsWith(
                        "| 1024 | 2 | 100.0 (99.0 to 104.3) | 450.0 (440.0 to 470.0) | 4.50 | 21.5 |\n");
    }

    @Test
    void leavesLibrariesThatAreNotThereEmpty() {
        assertThat(table(Map.of(AttentionWay.KERNEL, KERNEL)))
                .endsWith("| 1024 | 2 | 100.0 (99.0 to 104.3) |  |  | 21.5 |\n");
    }

    private static String table(Map<AttentionWay, Times> times) {
        return new LibraryAttentionReport(4, 128, 2048).table(new TreeMap<>(Map.of(1024, times)));
    }
}
