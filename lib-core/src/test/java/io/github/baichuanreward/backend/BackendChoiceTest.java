package io.github.baichuanreward.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.TinyModel;
import io.github.baichuanreward.backend.BackendProvider.Fit;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.model.BaichuanWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.ServiceConfigurationError;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BackendChoiceTest {

    @TempDir Path directory;
    private BackendRequest request;

    @BeforeEach
    void open() throws IOException {
        BaichuanWeights weights = BaichuanWeights.open(new TinyModel(1).write(directory));
        request = new BackendRequest(weights, Precision.AUTO, List.of(), 0, 1);
    }

    @Test
    void autoTakesTheMostPreferredThatCan() throws IOException {
        assertThat(select("auto", provider("cpu", 0, Fit.USABLE), gpu(Fit.USABLE)))
                .isEqualTo("cuda");
        assertThat(select("auto", gpu(Fit.USABLE), provider("cpu", 0, Fit.USABLE)))
                .isEqualTo("cuda");
    }

    @Test
    void autoTakesTheCpuWhereThereIsNoGpu() throws IOException {
        assertThat(select("auto", provider("cpu", 0, Fit.USABLE), gpu(Fit.ABSENT)))
                .isEqualTo("cpu");
    }

    @Test
    void autoNeverLeavesASmallGpuForTheCpuInSilence() {
        assertThatThrownBy(() -> select("auto", provider("cpu", 0, Fit.USABLE), gpu(Fit.TOO_SMALL)))
                .isInstanceOf(BackendException.class)
                .hasMessage("cuda: because TOO_SMALL");
    }

    @Test
    void autoNeverForgetsAWishThatOnlyTheGpuCouldMeet() {
        assertThatThrownBy(() -> select("auto", provider("cpu", 0, Fit.USABLE), gpu(Fit.REFUSED)))
                .isInstanceOf(BackendException.class)
                .hasMessage("cuda: because REFUSED");
        assertThatThrownBy(() -> select("cuda", gpu(Fit.REFUSED)))
                .hasMessage("cuda: because REFUSED");
    }

    @Test
    void autoRefusesACpuThatIsTooSmall() {
        assertThatThrownBy(() -> select("auto", provider("cpu", 0, Fit.TOO_SMALL)))
                .isInstanceOf(BackendException.class)
                .hasMessage("cpu: because TOO_SMALL");
    }

    @Test
    void tellsWhyThereIsNoGpuWhereTheCpuIsTooSmall() {
        assertThatThrownBy(() -> select("auto", provider("cpu", 0, Fit.TOO_SMALL), gpu(Fit.ABSENT)))
                .isInstanceOf(BackendException.class)
                .hasMessage("cuda: because ABSENT; cpu: because TOO_SMALL");
    }

    @Test
    void aNameForcesABackendThatLooksTooSmall() throws IOException {
        assertThat(select("cpu", provider("cpu", 0, Fit.TOO_SMALL), gpu(Fit.USABLE)))
                .isEqualTo("cpu");
    }

    @Test
    void aNameIsNeverReplacedByAnother() {
        assertThatThrownBy(() -> select("cuda", provider("cpu", 0, Fit.USABLE), gpu(Fit.ABSENT)))
                .isInstanceOf(BackendException.class)
                .hasMessage("cuda: because ABSENT");
    }

    @Test
    void aNameThatIsNotOnTheClassPathNamesThoseThatAre() {
        assertThatThrownBy(() -> select("cuda", provider("cpu", 0, Fit.USABLE)))
                .isInstanceOf(BackendException.class)
                .hasMessage(
                        "no backend \"cuda\" on the class path, only cpu; use auto, or add the jar of the other");
        assertThatThrownBy(() -> select("tpu", provider("cpu", 0, Fit.USABLE)))
                .hasMessage(
                        "no backend \"tpu\" on the class path, only cpu; use auto, or add the jar of the other");
    }

    @Test
    void tellsAllReasonsWhereNoneCan() {
        assertThatThrownBy(() -> select("auto", gpu(Fit.ABSENT), provider("cpu", 0, Fit.ABSENT)))
                .hasMessage("cuda: because ABSENT; cpu: because ABSENT");
    }

    @Test
    void keepsTheReasonsOfAll() {
        BackendChoice choice =
                BackendChoice.of(
                        "auto", request, List.of(provider("cpu", 0, Fit.USABLE), gpu(Fit.ABSENT)));

        assertThat(choice.failure()).isNull();
        assertThat(choice.candidates())
                .containsExactly(
                        new BackendChoice.Candidate(
                                "cuda", Fit.ABSENT, "because ABSENT", false, List.of()),
                        new BackendChoice.Candidate(
                                "cpu", Fit.USABLE, "because USABLE", true, List.of()));
    }

    @Test
    void aProviderThatCannotBeMadeDoesNotStopTheOthers() {
        Iterator<BackendProvider> loader =
                new Iterator<>() {
                    private int calls;

                    @Override
                    public boolean hasNext() {
                        return calls < 2;
                    }

                    @Override
                    public BackendProvider next() {
                        if (calls++ == 0) {
                            throw new NoClassDefFoundError("jcuda/driver/CUdevice");
                        }
                        return provider("cpu", 0, Fit.USABLE);
                    }
                };
        BackendChoice choice = BackendChoice.of("auto", request, loader);

        assertThat(choice.failure()).isNull();
        assertThat(choice.candidates())
                .extracting(BackendChoice.Candidate::name)
                .containsExactly("cpu", "unknown");
        assertThat(choice.candidates().get(1).reason()).contains("jcuda/driver/CUdevice");
    }

    @Test
    void aLoaderThatFailsForEverIsGivenUp() {
        Iterator<BackendProvider> loader =
                new Iterator<>() {
                    @Override
                    public boolean hasNext() {
                        throw new ServiceConfigurationError("bad file");
                    }

                    @Override
                    public BackendProvider next() {
                        throw new NoSuchElementException();
                    }
                };

        assertThat(BackendChoice.of("auto", request, loader).failure())
                .startsWith("unknown: java.util.ServiceConfigurationError: bad file; ");
    }

    @Test
    void theCpuIsOnTheClassPath() throws IOException {
        try (Backend backend = BackendChoice.of("auto", request).open()) {
            assertThat(backend.description()).startsWith("cpu: float32");
        }
    }

    /** Threads of pools and of containers often have a class loader that sees no library. */
    @Test
    void theThreadsClassLoaderDoesNotMatter() throws IOException {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(new ClassLoader(null) {});
        try (Backend backend = BackendChoice.of("auto", request).open()) {
            assertThat(backend.description()).startsWith("cpu: ");
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    private String select(String wanted, BackendProvider... providers) throws IOException {
        try (Backend backend = BackendChoice.of(wanted, request, List.of(providers)).open()) {
            return backend.description();
        }
    }

    private static BackendProvider gpu(Fit fit) {
        return provider("cuda", 100, fit);
    }

    private static BackendProvider provider(String name, int preference, Fit fit) {
        return new BackendProvider() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public int preference() {
                return preference;
            }

            @Override
            public Suitability check(BackendRequest request) {
                return new Suitability(fit, "because " + fit);
            }

            @Override
            public Backend open(BackendRequest request) {
                return new NamedBackend(name);
            }
        };
    }

    private record NamedBackend(String description) implements Backend {

        @Override
        public float[] score(PackedBatch batch) {
            return new float[batch.sequences()];
        }

        @Override
        public int batchTokens() {
            return 1;
        }

        @Override
        public void close() {}
    }
}
