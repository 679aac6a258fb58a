package org.poststack.liquibase;

import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.BiConsumer;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import liquibase.changelog.ChangeSet;
import liquibase.changelog.DatabaseChangeLog;
import liquibase.parser.ChangeLogParser;
import liquibase.parser.core.formattedsql.FormattedSqlChangeLogParser;
import liquibase.parser.core.xml.XMLChangeLogSAXParser;
import liquibase.parser.core.yaml.YamlChangeLogParser;
import liquibase.resource.ResourceAccessor;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;

/**
 * The line on which each changeset is declared. Liquibase keeps none. Formatted SQL is followed while its parser reads;
 * in YAML, JSON and XML the changesets are looked up afterwards, by their IDs. A line that is not found is 0: a message
 * then names the file alone.
 */
final class Lines {
  private static final String LINE = "poststack.line";

  private Lines() {}

  /** The line of a changeset's declaration, from 1; 0 if it is not known. */
  static int of(ChangeSet set) {
    Object line = set.getAttribute(LINE);
    return line == null ? 0 : (Integer) line;
  }

  /** Looks up the lines of what {@code parser} has read into {@code log}. */
  static void find(ChangeLogParser parser, DatabaseChangeLog log, ResourceAccessor files) {
    List<ChangeSet> sets = new ArrayList<>();
    for (ChangeSet set : log.getChangeSets()) {
      if (set.getChangeLog() == log) {
        sets.add(set);
      }
    }
    if (sets.isEmpty()) {
      return;
    }
    BiConsumer<String, Integer> found = (id, line) -> assign(sets, id, line);
    try (InputStream content = files.getExisting(log.getPhysicalFilePath()).openInputStream()) {
      if (parser instanceof YamlChangeLogParser) {
        yaml(content, found);
      } else if (parser instanceof XMLChangeLogSAXParser) {
        xml(content, found);
      }
    } catch (IOException | YAMLException | XMLStreamException e) {
      System.err.println("liquibase: find the lines of " + log.getPhysicalFilePath() + ": " + e.getMessage());
    }
  }

  private static void assign(List<ChangeSet> sets, String id, int line) {
    for (ChangeSet set : sets) {
      if (of(set) == 0 && set.getId() != null && set.getId().equals(id)) {
        set.setAttribute(LINE, line);
        return;
      }
    }
  }

  // JSON is read as YAML by Liquibase, too.
  private static void yaml(InputStream content, BiConsumer<String, Integer> found) {
    Yaml yaml = new Yaml();
    Node list = child(yaml.compose(new InputStreamReader(content, StandardCharsets.UTF_8)), "databaseChangeLog");
    if (!(list instanceof SequenceNode)) {
      return;
    }
    for (Node item : ((SequenceNode) list).getValue()) {
      Node set = child(item, "changeSet");
      Node id = child(set, "id");
      if (id instanceof ScalarNode) {
        String text = ((ScalarNode) id).getValue();
        boolean plain = ((ScalarNode) id).getScalarStyle() == DumperOptions.ScalarStyle.PLAIN;
        found.accept(plain ? Objects.toString(yaml.load(text)) : text, item.getStartMark().getLine() + 1);
      }
    }
  }

  private static Node child(Node node, String name) {
    if (node instanceof MappingNode) {
      for (NodeTuple tuple : ((MappingNode) node).getValue()) {
        if (tuple.getKeyNode() instanceof ScalarNode && ((ScalarNode) tuple.getKeyNode()).getValue().equals(name)) {
          return tuple.getValueNode();
        }
      }
    }
    return null;
  }

  private static void xml(InputStream content, BiConsumer<String, Integer> found) throws XMLStreamException {
    XMLInputFactory factory = XMLInputFactory.newInstance();
    factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    XMLStreamReader reader = factory.createXMLStreamReader(content);
    while (reader.hasNext()) {
      if (reader.next() == XMLStreamReader.START_ELEMENT && reader.getLocalName().equals("changeSet")) {
        String id = reader.getAttributeValue(null, "id");
        if (id != null) {
          found.accept(id, reader.getLocation().getLineNumber());
        }
      }
    }
  }

  /** Liquibase's parser of formatted SQL, fed line by line: where it declares a changeset, that line was the last. */
  static final class Sql extends FormattedSqlChangeLogParser {
    private Slow content;
    private boolean asked;

    @Override
    public boolean supports(String file, ResourceAccessor files) {
      asked = true;
      try {
        return super.supports(file, files);
      } finally {
        asked = false;
      }
    }

    @Override
    protected InputStream openChangeLogFile(String file, ResourceAccessor files) throws IOException {
      InputStream plain = super.openChangeLogFile(file, files);
      if (asked) { // passes over empty lines as long as more is there at once
        return plain;
      }
      content = new Slow(plain);
      return content;
    }

    @Override
    protected ChangeSet configureChangeSet(
        DatabaseChangeLog log, boolean onChange, boolean always, boolean transaction, boolean fail, String with, String spool,
        String context, String labels, String path, String dbms, String ignore, String id, String author) {
      ChangeSet set =
          super.configureChangeSet(
              log, onChange, always, transaction, fail, with, spool, context, labels, path, dbms, ignore, id, author);
      set.setAttribute(LINE, content.line);
      return set;
    }
  }

  /** Gives a line at a time, so that no reader gets ahead of it. */
  private static final class Slow extends FilterInputStream {
    private int line;
    private boolean ended = true;

    Slow(InputStream in) {
      super(new BufferedInputStream(in));
    }

    @Override
    public int read() throws IOException {
      int c = in.read();
      if (c >= 0 && ended) {
        line++;
        ended = false;
      }
      ended |= c == '\n';
      return c;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      int n = 0;
      while (n < length) {
        int c = read();
        if (c < 0) {
          return n == 0 ? -1 : n;
        }
        buffer[offset + n++] = (byte) c;
        if (c == '\n') {
          break;
        }
      }
      return n;
    }

    @Override
    public int available() {
      return 0; // what could be read at once would be read ahead
    }
  }
}
