package org.poststack.liquibase;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import liquibase.change.Change;
import liquibase.changelog.ChangeLogParameters;
import liquibase.changelog.ChangeSet;
import liquibase.changelog.DatabaseChangeLog;
import liquibase.exception.ChangeLogParseException;
import liquibase.parser.ChangeLogParser;
import liquibase.parser.ChangeLogParserFactory;
import liquibase.parser.core.formattedsql.FormattedSqlChangeLogParser;
import liquibase.parser.core.xml.XMLChangeLogSAXParser;
import liquibase.resource.Resource;
import liquibase.resource.ResourceAccessor;

/**
 * Stands in front of Liquibase's own parsers, so that it is known which file is being read, who included it, and where
 * its changesets stand. What a file means is theirs to say. It refuses what they would read wrongly without a word: a
 * loop of includes, which ends in a StackOverflowError, and text that is not UTF-8, of which they replace what they
 * cannot decode.
 */
final class Sources {
  private final Deque<String> open = new ArrayDeque<>();

  /** Puts itself in front of every parser of this process. */
  void install() {
    ChangeLogParserFactory factory = ChangeLogParserFactory.getInstance();
    for (ChangeLogParser parser : factory.getParsers()) {
      factory.unregister(parser);
      factory.register(new Followed(parser.getClass() == FormattedSqlChangeLogParser.class ? new Lines.Sql() : parser));
    }
  }

  /** The file that is being read, or that reading stopped in; null before the first. */
  String current() {
    return open.peek();
  }

  /** Forgets where an earlier reading stopped. */
  void clear() {
    open.clear();
  }

  private void enter(String file) throws ChangeLogParseException {
    String path = DatabaseChangeLog.normalizePath(file);
    if (open.contains(path)) {
      String from = open.peek();
      throw new ChangeLogParseException(
          from.equals(path) ? "it includes itself, in a loop" : "it includes " + path + ", which includes it, in a loop");
    }
    open.push(path);
  }

  /** The file that a change of the changeset names. */
  static Resource beside(ResourceAccessor files, Change change, String name, ChangeSet set) throws IOException {
    if (!Boolean.TRUE.equals(change.getSerializableFieldValue("relativeToChangelogFile"))) {
      return files.getExisting(name);
    }
    return files.get(set.getChangeLog().getPhysicalFilePath()).resolveSibling(name);
  }

  /** Refuses content that is not UTF-8. A byte order mark says that it is in UTF-16, which Liquibase reads. */
  static void requireUtf8(InputStream content) throws IOException, ChangeLogParseException {
    ByteBuffer bytes = ByteBuffer.wrap(content.readAllBytes());
    if (bytes.limit() > 1 && ((bytes.get(0) & 0xff) ^ (bytes.get(1) & 0xff)) == 1 && (bytes.get(0) & 0xfe) == 0xfe) {
      return;
    }
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    CharBuffer drop = CharBuffer.allocate(8192);
    CoderResult result;
    do {
      drop.clear();
      result = decoder.decode(bytes, drop, true);
    } while (result.isOverflow());
    if (!result.isError()) {
      return;
    }
    int line = 1;
    for (int i = 0; i < bytes.position(); i++) {
      line += bytes.get(i) == '\n' ? 1 : 0;
    }
    throw new ChangeLogParseException(
        String.format(
            "line %d is not UTF-8 (byte 0x%02X); convert the file, for instance: iconv -f LATIN1 -t UTF-8 FILE >NEW",
            line, bytes.get(bytes.position())));
  }

  /** One of Liquibase's parsers. Where reading stops with an exception, the file stays {@link #current}. */
  private final class Followed implements ChangeLogParser {
    private final ChangeLogParser real;

    Followed(ChangeLogParser real) {
      this.real = real;
    }

    @Override
    public DatabaseChangeLog parse(String file, ChangeLogParameters parameters, ResourceAccessor files)
        throws ChangeLogParseException {
      enter(file);
      if (!(real instanceof XMLChangeLogSAXParser)) { // XML says what it is in, and its parser holds it to that
        try (InputStream content = files.getExisting(file).openInputStream()) {
          requireUtf8(content);
        } catch (IOException e) {
          throw new ChangeLogParseException(e.getMessage(), e);
        }
      }
      DatabaseChangeLog log = real.parse(file, parameters, files);
      Lines.find(real, log, files);
      open.pop();
      return log;
    }

    @Override
    public boolean supports(String file, ResourceAccessor files) {
      return real.supports(file, files);
    }

    @Override
    public int getPriority() {
      return real.getPriority();
    }
  }
}
