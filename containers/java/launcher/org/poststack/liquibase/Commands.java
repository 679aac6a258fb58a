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
  private final String contexts;
  private final String labels;

  Commands(Database database, Map<String, String> options, Report report) {
    this.database = database;
    this.options = options;
    this.report = report;
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
  static void rehearse(Map<String, String> options, Sources sources) {
    Path record = null;
    try {
      record = Files.createTempFile("rehearsal", ".csv");
      Files.delete(record);
      Database nowhere =
          DatabaseFactory.getInstance()
              .openDatabase("offline:postgresql?outputLiquibaseSql=all&changeLogFile=" + record, null, null, null, null);
      Report nobody = new Report(new PrintStream(OutputStream.nullOutputStream()));
      Commands commands = new Commands(nowhere, options, nobody);
      DatabaseChangeLog log = new Reading(nowhere, nobody, sources).read(options.get("changelog-file"), commands.parameters());
      commands
          .scope("updateCountSql", log)
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

  void run(String command, DatabaseChangeLog log) throws Exception {
    switch (command) {
      case UPDATE:
        scope("update", log).addArgumentValue("showSummary", UpdateSummaryEnum.OFF).execute();
        break;
      case ROLLBACK:
        scope("rollbackCount", log).addArgumentValue("count", Integer.valueOf(options.get("count"))).execute();
        break;
      default:
        status(log);
    }
  }

  private CommandScope scope(String name, DatabaseChangeLog log) throws Exception {
    return new CommandScope(name)
        .addArgumentValue("database", database)
        .addArgumentValue("databaseChangelog", log)
        .addArgumentValue("contexts", contexts)
        .addArgumentValue("labelFilter", labels)
        .addArgumentValue("changelogParameters", parameters())
        .addArgumentValue("changeExecListener", new DefaultChangeExecListener(report));
  }

  /** What the changelog may refer to, and which contexts and labels are selected. */
  ChangeLogParameters parameters() {
    ChangeLogParameters parameters = new ChangeLogParameters(database);
    parameters.setContexts(new Contexts(contexts));
    parameters.setLabels(new LabelExpression(labels));
    return parameters;
  }

  // What update would do: one event "will" each, in order, with will = run, ran or skip.
  private void status(DatabaseChangeLog log) throws Exception {
    ChangeLogParameters parameters = parameters();
    Contexts context = parameters.getContexts();
    LabelExpression label = parameters.getLabels();
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
      Map<String, Object> event = Report.event("will", status.getChangeSet());
      String skipped = status.getPreviouslyRan() ? "ran" : "skip";
      event.put("will", status.getWillRun() ? "run" : skipped);
      report.emit(event);
    }
  }
}
