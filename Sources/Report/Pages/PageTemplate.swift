import Mustache

/// A template of a page, in which everything from outside is text unless it says otherwise.
struct PageTemplate {
  private let template: MustacheTemplate

  /// - Parameter text: Mustache; `{{{name}}}` is for what was made here.
  init(_ text: String) {
    _ = Self.escaping
    do {
      template = try MustacheTemplate(string: "{{% CONTENT_TYPE:PAGE}}" + text)
    } catch {
      preconditionFailure("a template cannot be parsed: \(error)")
    }
  }

  func render(_ values: [String: Any]) -> String { template.render(values) }

  /// The library's own escaping goes by characters as people see them: a quote with an accent over it is another one there, and ends
  /// an attribute all the same.
  private struct Escaping: MustacheContentType {
    func escapeText(_ text: String) -> String { text.escapedForHTML }
  }

  private static let escaping: Void = MustacheContentTypes.register(Escaping(), named: "PAGE")
}

/// A page: what all have in common.
struct Page {
  /// Pages are at most this large.
  static let mostBytes = 1 << 20

  let title: String
  let style: String
  let body: String
  /// What a page can do in addition where scripts run; nothing by default.
  var script = ""

  var html: String {
    Self.template.render([
      "title": title, "style": style, "body": body, "scripts": script.isEmpty ? [] : [script],
      "policy": "default-src 'none'; style-src 'unsafe-inline'"
        + (script.isEmpty ? "" : "; script-src 'unsafe-inline'"),
    ])
  }

  /// The policy keeps the page from loading anything, whatever a name in it may look like.
  private static let template = PageTemplate(
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="Content-Security-Policy" content="{{{policy}}}">
    <meta name="color-scheme" content="light dark">
    <title>{{title}}</title>
    <style>
    {{{style}}}
    </style>
    </head>
    <body>
    {{{body}}}
    {{#scripts}}<script>
    {{{.}}}
    </script>{{/scripts}}
    </body>
    </html>

    """)
}
