package org.poststack.liquibase;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import liquibase.Contexts;
import liquibase.LabelExpression;
import liquibase.RuntimeEnvironment;
import liquibase.UpdateSummaryEnum;
import liquibase.changelog.ChangeLogIterator;
import liquibase.changelog.ChangeLogParameters;
import liquibase.changelog.ChangeSet;
import liquibase.changelog.ChangeSetStatus;
import liquibase.changelog.DatabaseChangeLog;
import liquibase.changelog.StatusChangeLogIterator;
import liquibase.changelog.filter.ContextChangeSetFilter;
import liquibase.changelog.filter.DbmsChangeSetFilter;
import liquibase.changelog.filter.IgnoreChangeSetFilter;
import liquibase.changelog.filter.LabelChangeSetFilter;
import liquibase.changelog.filter.ShouldRunChangeSetFilter;
import liquibase.changelog.visitor.DefaultChangeExecListener;
import liquibase.changelog.visitor.StatusVisitor;
import liquibase.command.CommandScope;
import liquibase.command.core.helpers.DatabaseChangelogCommandStep;
import liquibase.database.Database;
import liquibase.database.DatabaseFactory;

/** The commands that run inside one transaction. */
final class Commands {
  static final String UPDATE = "update";
  static final String STATUS = "status";
  static final String ROLLBACK = "rollback-count";
  static final List<String> NAMES = List.of(UPDATE, STATUS, ROLLBACK);
  private static final int REHEARSED = 20; // changesets: more make the rest hardly faster

  private final Database database;
  private final Map<String, String> options;
  private final Report report;
  private final String file;
  private final String contexts;
  private final String labels;

  Commands(Database database, Map<String, String> options, Report report) {
    this.database = database;
    this.options = options;
    this.report = report;
    this.file = options.get("changelog-file");
    this.contexts = options.getOrDefault("contexts", "");
    this.labels = options.getOrDefault("label-filter", "");
  }

  /** Loads what an update needs before it needs the database; without it, the update does so itself. */
  static void load() throws Exception {
    new CommandScope(UPDATE);
  }

  /**
   * Goes through the beginning of an update without a database, and drops what comes out, so that all it needs is loaded
   * and compiled. What is wrong with the changelog is for the real update to tell.
   */
  static void rehearse(Map<String, String> options) {
    Path record = null;
    try {
      record = Files.createTempFile("rehearsal", ".csv");
      Files.delete(record);
      Database nowhere =
          DatabaseFactory.getInstance()
              .openDatabase("offline:postgresql?outputLiquibaseSql=all&changeLogFile=" + record, null, null, null, null);
      new Commands(nowhere, options, new Report(new PrintStream(OutputStream.nullOutputStream())))
          .scope("updateCountSql")
          .addArgumentValue("count", REHEARSED)
          .setOutput(OutputStream.nullOutputStream())
          .execute();
    } catch (Exception e) {
      System.err.println("liquibase: rehearsal: " + e);
    } finally {
      forget(record);
    }
  }

  private static void forget(Path record) {
    try {
      if (record != null) {
        Files.deleteIfExists(record);
      }
    } catch (IOException e) {
      System.err.println("liquibase: rehearsal: " + e);
    }
  }

  void run(String command) throws Exception {
    switch (command) {
      case UPDATE:
        scope("update").addArgumentValue("showSummary", UpdateSummaryEnum.OFF).execute();
        break;
      case ROLLBACK:
        scope("rollbackCount").addArgumentValue("count", Integer.valueOf(options.get("count"))).execute();
        break;
      default:
        status();
    }
  }

  private CommandScope scope(String name) throws Exception {
    return new CommandScope(name)
        .addArgumentValue("database", database)
        .addArgumentValue("changelogFile", file)
        .addArgumentValue("contexts", contexts)
        .addArgumentValue("labelFilter", labels)
        .addArgumentValue("changelogParameters", parameters())
        .addArgumentValue("changeExecListener", new DefaultChangeExecListener(report));
  }

  private ChangeLogParameters parameters() {
    ChangeLogParameters parameters = new ChangeLogParameters(database);
    parameters.setContexts(new Contexts(contexts));
    parameters.setLabels(new LabelExpression(labels));
    return parameters;
  }

  // What update would do: one event "changeset" each, in order, with will = run, ran or skip.
  private void status() throws Exception {
    ChangeLogParameters parameters = parameters();
    Contexts context = parameters.getContexts();
    LabelExpression label = parameters.getLabels();
    DatabaseChangeLog log = DatabaseChangelogCommandStep.getDatabaseChangeLog(file, parameters, database);
    liquibase.Scope.getCurrentScope()
        .getSingleton(liquibase.changelog.ChangeLogHistoryServiceFactory.class)
        .getChangeLogService(database)
        .init();
    log.validate(database, context, label);
    StatusVisitor visitor = new StatusVisitor(database);
    ChangeLogIterator iterator =
        new StatusChangeLogIterator(
            log,
            new ContextChangeSetFilter(context),
            new LabelChangeSetFilter(label),
            new DbmsChangeSetFilter(database),
            new IgnoreChangeSetFilter(),
            new ShouldRunChangeSetFilter(database));
    iterator.run(visitor, new RuntimeEnvironment(database, context, label));
    for (ChangeSetStatus status : visitor.getStatuses()) {
      report.emit(describe(status));
    }
  }

  private static Map<String, Object> describe(ChangeSetStatus status) {
    ChangeSet set = status.getChangeSet();
    Map<String, Object> event = Report.event("changeset", set);
    String skipped = status.getPreviouslyRan() ? "ran" : "skip";
    event.put("will", status.getWillRun() ? "run" : skipped);
    event.put("context", set.getContextFilter() == null || set.getContextFilter().isEmpty() ? "" : set.getContextFilter().toString());
    event.put("labels", set.getLabels() == null ? "" : set.getLabels().toString());
    return event;
  }
}
