package io.github.baichuanreward.eval;

/**
 * What messages call their parts.
 *
 * @param role field that says who speaks
 * @param content field of the text
 * @param user value of {@code role} for whoever asks
 * @param assistant value of {@code role} for whoever answers
 * @param system value of {@code role} for what stands before a conversation
 */
record MessageTags(String role, String content, String user, String assistant, String system) {

    static final MessageTags SHAREGPT = new MessageTags("from", "value", "human", "gpt", "system");

    static final MessageTags OPENAI =
            new MessageTags("role", "content", "user", "assistant", "system");
}
