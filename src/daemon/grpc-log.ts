import type { Logger } from '../lib/logger';

/** The levels of grpc-js. */
export type GrpcLevel = 'error' | 'info' | 'debug';

/** Called for each line that grpc-js writes. */
export type GrpcLine = (level: GrpcLevel, text: string) => void;

/** A header of a peer may be in the text, and headers may have kilobytes. */
const TEXT_LENGTH = 512;

/** The values of metadata are their sender's business, and may be secrets: only the key is told. */
const METADATA = /^(Failed to add metadata entry [^:]*):/;

/**
 * Puts what grpc-js has to say into the log. Its errors are warnings here: each either fails a call or the start as well, where it is
 * told in this project's words, or is about something that a peer has sent.
 */
export function grpcLineInto(logger: Logger): GrpcLine {
  return (level, text) => {
    const fields = { text: plain(text) };
    if (level === 'error') logger.warn(fields, MESSAGE);
    else if (level === 'info') logger.info(fields, MESSAGE);
    else logger.debug(fields, MESSAGE);
  };
}

const MESSAGE = 'a word from gRPC';

function plain(text: string): string {
  return (METADATA.exec(text)?.[1] ?? text).slice(0, TEXT_LENGTH);
}
