package io.github.baichuanreward.backend;

/**
 * A backend is missing, does not fit, or failed. The message names the device, the sizes asked for
 * and the remedy. A model whose backend failed while scoring goes on where it has copies on other
 * devices; else every further call says that it is to be closed.
 */
public class BackendException extends RuntimeException {

    private static final long serialVersionUID = 1;

    /**
     * @param message what failed, where, and what to do
     */
    public BackendException(String message) {
        super(message);
    }

    /**
     * @param message what failed, where, and what to do
     * @param cause what the device or the driver said
     */
    public BackendException(String message, Throwable cause) {
        super(message, cause);
    }
}
