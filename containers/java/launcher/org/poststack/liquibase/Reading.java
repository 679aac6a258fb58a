package org.poststack.liquibase;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import liquibase.ChecksumVersion;
import liquibase.Scope;
import liquibase.change.AbstractSQLChange;
import liquibase.change.Change;
import liquibase.changelog.ChangeLogParameters;
import liquibase.changelog.ChangeSet;
import liquibase.changelog.DatabaseChangeLog;
import liquibase.changelog.filter.ChangeSetFilter;
import liquibase.changelog.filter.ContextChangeSetFilter;
import liquibase.changelog.filter.DbmsChangeSetFilter;
import liquibase.changelog.filter.IgnoreChangeSetFilter;
import liquibase.changelog.filter.LabelChangeSetFilter;
import liquibase.command.core.helpers.DatabaseChangelogCommandStep;
import liquibase.database.Database;
import liquibase.exception.ChangeLogParseException;
import liquibase.precondition.Precondition;
import liquibase.precondition.PreconditionLogic;
import liquibase.resource.Resource;
import liquibase.serializer.core.string.StringChangeLogSerializer;

/** A changelog as Liquibase has read it: one event "changeset" for each, in the order in which they run. */
final class Reading {
  private static final Pattern REFERENCE = Pattern.compile("\\$\\{([^}\\s]+)\\}");
  private static final Pattern DIRECTIVE =
      Pattern.compile("^\\s*--\\s*(changeset\\s+\\S|liquibase[\\s-]*formatted)", Pattern.CASE_INSENSITIVE | Pattern.MULTILINE);

  private final Database database;
  private final Report report;
  private final Sources sources;

  Reading(Database database, Report report, Sources sources) {
    this.database = database;
    this.report = report;
    this.sources = sources;
  }

  /** Reads the changelog and tells what is in it. An {@link UnreadableException} says where reading stopped. */
  DatabaseChangeLog read(String file, ChangeLogParameters parameters) throws Exception {
    sources.clear();
    DatabaseChangeLog log;
    try {
      log = DatabaseChangelogCommandStep.getDatabaseChangeLog(file, parameters, database);
    } catch (Exception | StackOverflowError e) {
      throw new UnreadableException(sources.current() == null ? file : sources.current(), e);
    }
    report.read(log);
    requireIdentities(log);
    Scope.child(
        Scope.Attr.database,
        database,
        () -> {
          for (ChangeSet set : log.getChangeSets()) {
            report.emit(describe(set, parameters));
          }
        });
    for (ChangeSet set : log.getSkippedChangeSets()) { // of another kind of database, in YAML, JSON and XML
      Map<String, Object> event = identity(set);
      event.put("skip", "dbms");
      report.emit(event);
    }
    Map<String, Object> event = Report.event("read", null);
    event.put("conditional", asks(log.getPreconditions())); // the changelog as a whole has preconditions, which only the database answers
    report.emit(event);
    return log;
  }

  // Liquibase records what it cannot recognise again: a changeset without an author, and two whose names differ in case
  // alone, of which it records one and runs the other on every update (RanChangeSet, 4.28).
  private static void requireIdentities(DatabaseChangeLog log) throws UnreadableException {
    Map<String, ChangeSet> known = new HashMap<>();
    for (ChangeSet set : log.getChangeSets()) {
      if (set.getAuthor() == null) {
        throw unrecognised(set, "has no author");
      }
      ChangeSet other = known.putIfAbsent(set.toString(false).toLowerCase(Locale.ROOT), set);
      if (other != null && !other.toString(false).equals(set.toString(false))) {
        throw unrecognised(set, "differs from " + other.getId() + " (" + other.getAuthor() + ") in nothing but capitals, which Liquibase does not tell apart");
      }
    }
  }

  private static UnreadableException unrecognised(ChangeSet set, String why) {
    String name = "changeset " + set.getId() + (set.getAuthor() == null ? "" : " (" + set.getAuthor() + ")");
    int line = Lines.of(set);
    return new UnreadableException(Report.source(set), new ChangeLogParseException(name + (line > 0 ? " in line " + line : "") + " " + why));
  }

  // Whether there is a precondition below: containers may be empty.
  private static boolean asks(PreconditionLogic logic) {
    if (logic == null) {
      return false;
    }
    for (Precondition nested : logic.getNestedPreconditions()) {
      if (!(nested instanceof PreconditionLogic) || asks((PreconditionLogic) nested)) {
        return true;
      }
    }
    return false;
  }

  private static Map<String, Object> identity(ChangeSet set) {
    Map<String, Object> event = Report.event("changeset", set);
    event.put("source", Report.source(set));
    event.put("line", Lines.of(set));
    event.put("context", set.buildFullContext());
    event.put("labels", set.buildFullLabels());
    event.put("dbms", set.getDbmsSet() == null ? null : String.join(",", set.getDbmsSet()));
    return event;
  }

  private Map<String, Object> describe(ChangeSet set, ChangeLogParameters parameters) throws Exception {
    Map<String, Object> event = identity(set);
    event.put("skip", skipped(set, parameters));
    event.put("always", set.shouldAlwaysRun());
    event.put("onchange", set.shouldRunOnChange());
    event.put("outside", !set.isRunInTransaction());
    event.put("passover", Boolean.FALSE.equals(set.getFailOnError()));
    if (asks(set.getPreconditions())) {
      event.put("onfail", String.valueOf(set.getPreconditions().getOnFail()));
    }
    TreeSet<String> undeclared = new TreeSet<>();
    for (Change change : set.getChanges()) {
      inspect(change, set, event, undeclared);
    }
    event.put("undeclared", undeclared.isEmpty() ? null : String.join(" ", undeclared));
    event.put("final", !undoable(set));
    event.put("checksum", checksum(set));
    return event;
  }

  // Why an update passes a changeset over: context, labels, dbms or ignore; null if it does not.
  private String skipped(ChangeSet set, ChangeLogParameters parameters) {
    ChangeSetFilter[] filters = {
      new DbmsChangeSetFilter(database), new IgnoreChangeSetFilter(),
      new ContextChangeSetFilter(parameters.getContexts()), new LabelChangeSetFilter(parameters.getLabels())
    };
    String[] names = {"dbms", "ignore", "context", "labels"};
    for (int i = 0; i < filters.length; i++) {
      if (!filters[i].accepts(set).isAccepted()) {
        return names[i];
      }
    }
    return null;
  }

  private void inspect(Change change, ChangeSet set, Map<String, Object> event, TreeSet<String> undeclared) throws Exception {
    if (!hasText(change, set)) {
      return; // Liquibase says so when it validates
    }
    String text;
    if (change instanceof AbstractSQLChange) {
      text = ((AbstractSQLChange) change).getSql();
    } else {
      text = new StringChangeLogSerializer().serialize(change, false);
    }
    if (text == null) {
      return;
    }
    for (Matcher name = REFERENCE.matcher(text); name.find(); ) {
      if (!name.group(1).startsWith(":")) {
        undeclared.add(name.group(1));
      }
    }
    if ("raw".equals(set.getId()) && "includeAll".equals(set.getAuthor()) && DIRECTIVE.matcher(text).find()) {
      event.put("misread", true); // it was meant to be formatted SQL, and is run as one script
    }
    if (change instanceof AbstractSQLChange && text.stripTrailing().lines().reduce("", (a, b) -> b).startsWith("--")) {
      event.put("trailing", true);
    }
  }

  // Whether the files that the change reads are there, whatever its kind: a script, the text of a procedure or of a view,
  // rows. They must be in UTF-8 unless the change says otherwise.
  private static boolean hasText(Change change, ChangeSet set) throws UnreadableException {
    Set<String> fields = change.getSerializableFields();
    if (!fields.contains("encoding")) {
      return true;
    }
    Object encoding = change.getSerializableFieldValue("encoding");
    boolean utf8 = encoding == null || StandardCharsets.UTF_8.name().equalsIgnoreCase(encoding.toString());
    for (String field : List.of("path", "file")) {
      Object named = fields.contains(field) ? change.getSerializableFieldValue(field) : null;
      if (named == null) {
        continue;
      }
      try {
        Resource file = Sources.beside(Scope.getCurrentScope().getResourceAccessor(), change, named.toString(), set);
        try (InputStream content = file.openInputStream()) {
          if (utf8) {
            Sources.requireUtf8(content);
          }
        } catch (ChangeLogParseException e) {
          throw new UnreadableException(DatabaseChangeLog.normalizePath(file.getPath()), e);
        }
      } catch (IOException | RuntimeException e) {
        return false;
      }
    }
    return true;
  }

  private boolean undoable(ChangeSet set) {
    try {
      return set.supportsRollback(database);
    } catch (RuntimeException e) { // a change that validation will refuse
      return true;
    }
  }

  // Cleared again: Liquibase keeps the first that it computes, and later asks for one of another version.
  private static String checksum(ChangeSet set) {
    try {
      return set.generateCheckSum(ChecksumVersion.latest()).toString();
    } catch (RuntimeException e) { // a file that is not there
      return null;
    } finally {
      set.clearCheckSum();
    }
  }

  /** The changelog cannot be read, from {@code file} on. */
  static final class UnreadableException extends Exception {
    private static final long serialVersionUID = 1;
    final String file;

    UnreadableException(String file, Throwable cause) {
      super(cause);
      this.file = file;
    }
  }
}
