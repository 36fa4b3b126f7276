package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.baichuanreward.backend.BackendException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ResourcesTest {

    private final List<String> released = new ArrayList<>();

    @Test
    void areGivenBackInReverseOrderAndOnce() {
        Resources resources = new Resources();
        resources.add(() -> released.add("first"));
        resources.add(() -> released.add("second"));
        resources.close();
        resources.close();

        assertThat(released).containsExactly("second", "first");
    }

    @Test
    void aReleaseThatFailsKeepsNoneOfTheOthersFromTheirs() {
        Resources resources = new Resources();
        resources.add(() -> released.add("first"));
        resources.add(() -> fail("second"));
        resources.add(() -> fail("third"));

        assertThatThrownBy(resources::close)
                .isInstanceOf(BackendException.class)
                .hasMessage("third")
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        assertThat(released).containsExactly("third", "second", "first");
    }

    @Test
    void afterAFailureTheFailureStays() {
        Resources resources = new Resources();
        resources.add(() -> fail("release"));
        Exception failure = new Exception("first");
        resources.closeAfter(failure);

        assertThat(failure.getSuppressed()).hasSize(1);
    }

    private void fail(String name) {
        released.add(name);
        throw new BackendException(name);
    }
}
