package io.github.baichuanreward.cuda;

import io.github.baichuanreward.backend.BackendException;

/** There is not enough memory for something; the device works on. */
final class DeviceMemoryException extends BackendException {

    private static final long serialVersionUID = 1;

    DeviceMemoryException(String message) {
        super(message);
    }
}
