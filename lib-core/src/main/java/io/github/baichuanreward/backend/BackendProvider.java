package io.github.baichuanreward.backend;

import java.io.IOException;
import java.util.List;
import java.util.ServiceLoader;

/**
 * Makes backends of one kind; found with {@link ServiceLoader}, so that a GPU backend only has to
 * be on the class path. {@link BackendChoice} decides which one is taken.
 */
public interface BackendProvider {

    /** Whether a backend can hold a model here. */
    enum Fit {
        /** It can. */
        USABLE,
        /** It cannot run here at all: no device, no driver, no library. */
        ABSENT,
        /** There is a device, but it is too small for this model. */
        TOO_SMALL,
        /** A wish that only concerns this backend, such as one for devices, cannot be met. */
        REFUSED
    }

    /**
     * The answer to {@link #check}.
     *
     * @param fit whether it can
     * @param reason for {@link Fit#USABLE} what it would run on, else why not, with numbers, and
     *     what to do
     * @param plan what of the model would be where, a line for each device; empty where there is
     *     nothing to say
     */
    record Suitability(Fit fit, String reason, List<String> plan) {

        /** Copies the list. */
        public Suitability {
            plan = List.copyOf(plan);
        }

        /** With nothing to say of what would be where. */
        public Suitability(Fit fit, String reason) {
            this(fit, reason, List.of());
        }
    }

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
}
