package io.github.baichuanreward.backend;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes backends of one kind; found with {@link ServiceLoader}, so that a GPU backend only has to
 * be on the class path.
 *
 * <p>{@link #select} is the whole decision: it is made once, when a model is loaded, and says for
 * every backend that was not taken why not.
 */
public interface BackendProvider {

    /** Whether a backend can hold a model here. */
    enum Fit {
        /** It can. */
        USABLE,
        /** It cannot run here at all: no device, no driver, no library. */
        ABSENT,
        /** There is a device, but it is too small for this model. */
        TOO_SMALL
    }

    /**
     * The answer to {@link #check}.
     *
     * @param fit whether it can
     * @param reason for {@link Fit#USABLE} what it would run on, else why not, with numbers, and
     *     what to do
     */
    record Suitability(Fit fit, String reason) {}

    /** The word that chooses this backend: {@code cpu}, {@code cuda}. */
    String name();

    /** Where several can, the highest is taken. The CPU has 0. */
    int preference();

    /** Says whether a backend can hold the model here, without loading anything. Never throws. */
    Suitability check(BackendRequest request);

    /**
     * Loads the model.
     *
     * @throws IOException if the weights cannot be read
     * @throws BackendException if the device fails or a wish of the request cannot be met
     */
    Backend open(BackendRequest request) throws IOException;

    /**
     * Chooses a backend and loads the model into it.
     *
     * <p>{@code auto} takes the most preferred one that can run here. A device that is there but
     * too small is an error, never a reason to run silently on another; a backend asked for by name
     * is taken even if it looks too small, with a warning.
     *
     * @param wanted {@code auto} or a backend's name
     * @throws BackendException if the wanted one is not on the class path or cannot run here, or if
     *     the model does not fit; names the reason and the remedy
     * @throws IOException if the weights cannot be read
     */
    static Backend select(String wanted, BackendRequest request) throws IOException {
        List<BackendProvider> providers = new ArrayList<>();
        // Not the thread's class loader: in pools and containers it may see none of these.
        ServiceLoader.load(BackendProvider.class, BackendProvider.class.getClassLoader())
                .forEach(providers::add);
        return select(wanted, request, providers);
    }

    /** As {@link #select(String, BackendRequest)}, among the providers given. */
    static Backend select(String wanted, BackendRequest request, List<BackendProvider> providers)
            throws IOException {
        Logger log = LoggerFactory.getLogger(BackendProvider.class);
        List<String> others = new ArrayList<>();
        List<BackendProvider> sorted =
                providers.stream()
                        .filter(p -> wanted.equals("auto") || wanted.equals(p.name()))
                        .sorted(Comparator.comparingInt(BackendProvider::preference).reversed())
                        .toList();
        for (BackendProvider provider : sorted) {
            Suitability suitability = provider.check(request);
            String reason = provider.name() + ": " + suitability.reason();
            if (suitability.fit() == Fit.ABSENT) {
                others.add(reason);
                continue;
            }
            if (suitability.fit() == Fit.TOO_SMALL) {
                if (wanted.equals("auto")) {
                    others.add(reason);
                    throw new BackendException(String.join("; ", others));
                }
                log.warn(reason);
            }
            Backend backend = provider.open(request);
            log.info("{}{}", backend.description(), others.isEmpty() ? "" : " " + others);
            return backend;
        }
        if (others.isEmpty()) {
            throw new BackendException(
                    "no backend \"%s\"; on the class path: %s%s"
                            .formatted(
                                    wanted,
                                    providers.stream().map(BackendProvider::name).toList(),
                                    wanted.equals("cuda")
                                            ? "; add baichuan-reward-cuda to run on GPUs"
                                            : ""));
        }
        throw new BackendException(String.join("; ", others));
    }
}
