import ArgumentParser
import FileNames
import Foundation
import Logging
import StrictJSON

/// How lines of the log look, if times and layers are asked for.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
  /// `2026-11-26T06:40:00.123Z warning /features/bn: message`
  case text
  /// `{"layer":"/features/bn","level":"warning","message":"message","time":"2026-11-26T06:40:00.123Z"}`
  case json

  /// What `--log-format` says. It is read before all other options, as what is wrong with those is said in this format, too.
  static let asked = LogFormat(arguments: CommandLine.fileNameArguments)

  init?(arguments: [String]) {
    let name = "--log-format"
    for (index, argument) in arguments.enumerated() {
      if argument == name, index + 1 < arguments.count, let format = LogFormat(rawValue: arguments[index + 1])
      {
        self = format
        return
      }
      if let format = LogFormat(rawValue: String(argument.dropFirst(name.count + 1))),
        argument.hasPrefix("\(name)=")
      {
        self = format
        return
      }
    }
    return nil
  }
}

/// Writes log messages to standard error, one line each: as the other messages of a command-line program look, or with times and layers as
/// ``LogFormat`` asks.
struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level
  var format = LogFormat.asked

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    // How a job goes on is in logs with times only.
    guard format != nil || event.level != .info else { return }
    let line = LogLine(
      level: "\(event.level)", message: "\(event.message)",
      facts: metadata.merging(event.metadata ?? [:]) { $1 })
    Terminal.writeError(line.text(format))
  }

  /// The log of this run: warnings and notices, and with `verbose` what is done and why.
  static func logger(quiet: Bool, verbose: Bool) -> Logger {
    Logger(label: "bn-stream") { _ in
      StandardErrorLog(
        logLevel: quiet ? .error : verbose ? .debug : LogFormat.asked != nil ? .info : .notice)
    }
  }
}

/// One line of the log.
struct LogLine {
  var time = Date()
  let level: String
  let message: String
  /// What else there is to know: of one `layer`, which then begins the message, or of several `layers`, and numbers by their names.
  var facts: Logger.Metadata = [:]

  /// Nothing in it can pass for another line, or for a command to the terminal.
  func text(_ format: LogFormat?) -> String {
    let named = facts["layer"].map { "\($0): " } ?? ""
    switch format {
    case nil:
      let word = "\(level):"
      return
        "\(level == "warning" ? Terminal.coloured(word, .yellow) : word) \((named + message).shown)"
    case .text:
      return "\(stamp) \(level) \((named + message).shown)"
    case .json:
      return canonicalJSON(self)
    }
  }

  /// As RFC 3339 writes it, in UTC.
  private var stamp: String { time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
}

extension LogLine: Encodable {
  private struct Key: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
  }

  func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: Key.self)
    for (name, value) in facts {
      switch value {
      case .stringConvertible(let number as Double): try fields.encode(number, forKey: Key(name))
      case .stringConvertible(let number as Int): try fields.encode(number, forKey: Key(name))
      case .array(let values): try fields.encode(values.map { "\($0)" }, forKey: Key(name))
      default: try fields.encode("\(value)", forKey: Key(name))
      }
    }
    try fields.encode(stamp, forKey: Key("time"))
    try fields.encode(level, forKey: Key("level"))
    try fields.encode(message, forKey: Key("message"))
  }
}
