package io.github.baichuanreward.backend;

import io.github.baichuanreward.backend.BackendProvider.Fit;
import io.github.baichuanreward.backend.BackendProvider.Suitability;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which backend a model runs on, and for each other why not: the whole decision, made once, when a
 * model is loaded.
 *
 * <p>{@code auto} takes the most preferred backend that can run here. A device that is there but
 * too small is an error, never a reason to run silently on another, and so is a wish that only the
 * backend of that device could meet. A backend asked for by name is taken even if it looks too
 * small, with a warning, and never replaced by another.
 */
public final class BackendChoice {

    /** Leaves the choice of the backend to this class. */
    public static final String AUTO = "auto";

    private static final int MOST_BROKEN = 8;

    private static final Logger LOG = LoggerFactory.getLogger(BackendChoice.class);

    /**
     * A backend that was looked at.
     *
     * @param name the word that chooses it
     * @param fit whether it can run here
     * @param reason what it would run on, or why it cannot
     * @param chosen whether it is the one
     * @param plan what of the model would be where, a line for each device; may be empty
     */
    public record Candidate(
            String name, Fit fit, String reason, boolean chosen, List<String> plan) {}

    private final String wanted;
    private final BackendRequest request;
    private final List<Candidate> candidates;
    private final @Nullable BackendProvider chosen;

    private BackendChoice(
            String wanted,
            BackendRequest request,
            List<Candidate> candidates,
            @Nullable BackendProvider chosen) {
        this.wanted = wanted;
        this.request = request;
        this.candidates = List.copyOf(candidates);
        this.chosen = chosen;
    }

    /**
     * Decides among the backends on the class path; loads nothing.
     *
     * @param wanted {@link #AUTO} or a backend's name
     */
    public static BackendChoice of(String wanted, BackendRequest request) {
        // Not the thread's class loader: in pools and containers it may see none of these.
        return of(
                wanted,
                request,
                ServiceLoader.load(BackendProvider.class, BackendProvider.class.getClassLoader())
                        .iterator());
    }

    /** Decides among those that can be made: one jar that does not fit must not stop the others. */
    static BackendChoice of(
            String wanted, BackendRequest request, Iterator<BackendProvider> found) {
        List<BackendProvider> providers = new ArrayList<>();
        List<Candidate> broken = new ArrayList<>();
        // A loader may fail for ever in the same place.
        while (broken.size() < MOST_BROKEN) {
            try {
                if (!found.hasNext()) {
                    break;
                }
                providers.add(found.next());
            } catch (ServiceConfigurationError | LinkageError e) {
                broken.add(
                        new Candidate("unknown", Fit.ABSENT, String.valueOf(e), false, List.of()));
            }
        }
        return of(wanted, request, providers, broken);
    }

    /** Decides among the providers given. */
    static BackendChoice of(
            String wanted, BackendRequest request, List<BackendProvider> providers) {
        return of(wanted, request, providers, List.of());
    }

    private static BackendChoice of(
            String wanted,
            BackendRequest request,
            List<BackendProvider> providers,
            List<Candidate> broken) {
        List<Candidate> candidates = new ArrayList<>();
        BackendProvider chosen = null;
        boolean open = true;
        List<BackendProvider> sorted =
                providers.stream()
                        .sorted(Comparator.comparingInt(BackendProvider::preference).reversed())
                        .toList();
        for (BackendProvider provider : sorted) {
            Suitability suitability = provider.check(request);
            boolean mayBe = wanted.equals(AUTO) || wanted.equals(provider.name());
            boolean taken =
                    open
                            && mayBe
                            && (suitability.fit() == Fit.USABLE
                                    || (suitability.fit() == Fit.TOO_SMALL
                                            && !wanted.equals(AUTO)));
            if (taken) {
                chosen = provider;
            }
            boolean isFinal =
                    suitability.fit() == Fit.TOO_SMALL || suitability.fit() == Fit.REFUSED;
            open &= !taken && !(mayBe && isFinal);
            candidates.add(
                    new Candidate(
                            provider.name(),
                            suitability.fit(),
                            suitability.reason(),
                            taken,
                            suitability.plan()));
        }
        candidates.addAll(broken);
        return new BackendChoice(wanted, request, candidates, chosen);
    }

    /** All backends on the class path, the most preferred first. */
    public List<Candidate> candidates() {
        return candidates;
    }

    /** Why none was chosen, with what to do; null if one was. */
    public @Nullable String failure() {
        if (chosen != null) {
            return null;
        }
        List<String> reasons =
                candidates.stream()
                        .filter(c -> wanted.equals(AUTO) || wanted.equals(c.name()))
                        .filter(c -> c.fit() != Fit.USABLE)
                        .map(c -> c.name() + ": " + c.reason())
                        .toList();
        if (!reasons.isEmpty()) {
            return String.join("; ", reasons);
        }
        return "no backend \"%s\" on the class path, only %s; use %s, or add the jar of the other"
                .formatted(
                        wanted,
                        String.join(", ", candidates.stream().map(Candidate::name).toList()),
                        AUTO);
    }

    /**
     * Loads the model into the backend chosen, and says so in the log, with the reasons against the
     * others.
     *
     * @throws BackendException if none was chosen ({@link #failure}), or the device fails
     * @throws IOException if the weights cannot be read
     */
    public Backend open() throws IOException {
        if (chosen == null) {
            throw new BackendException(String.valueOf(failure()));
        }
        for (Candidate candidate : candidates) {
            if (candidate.chosen() && candidate.fit() == Fit.TOO_SMALL) {
                LOG.warn("{}: {}", candidate.name(), candidate.reason());
            }
        }
        Backend backend = chosen.open(request);
        List<String> others =
                candidates.stream()
                        .filter(candidate -> !candidate.chosen() && wanted.equals(AUTO))
                        .map(candidate -> candidate.name() + ": " + candidate.reason())
                        .toList();
        LOG.info(
                "{}{}",
                backend.description(),
                others.isEmpty() ? "" : " (not " + String.join("; ", others) + ")");
        return backend;
    }
}
