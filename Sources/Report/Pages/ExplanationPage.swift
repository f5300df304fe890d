import Explain
import FileNames
import Foundation

/// An experiment as a page: what is claimed and by whom, what was found beside what is expected, and how it went, drawn.
public struct ExplanationPage {
  /// What was found on one layer, in words.
  public struct Section {
    let place: String
    let header: [String]
    let rows: [[String]]
    let verdict: String
    let explanation: Explanation

    /// - Parameters:
    ///   - place: on what it ran.
    ///   - header: of the table.
    ///   - rows: each as long as `header`.
    ///   - verdict: the last line.
    ///   - explanation: what was found, for the pictures.
    public init(
      place: String, header: [String], rows: [[String]], verdict: String, of explanation: Explanation
    ) {
      (self.place, self.header, self.rows) = (place, header, rows)
      (self.verdict, self.explanation) = (verdict, explanation)
    }
  }

  private let topic: Topic
  private let statement: String
  private let source: String
  private let sections: [Section]
  private let variant: (Variant) -> String

  /// - Parameters:
  ///   - topic: what is explained.
  ///   - statement: in a sentence.
  ///   - source: where it is stated.
  ///   - sections: what was found, one for each layer.
  ///   - variant: what a set-up is called.
  public init(
    _ topic: Topic, statement: String, source: String, _ sections: [Section],
    naming variant: @escaping (Variant) -> String
  ) {
    (self.topic, self.statement, self.source) = (topic, statement, source)
    (self.sections, self.variant) = (sections, variant)
  }

  /// What the page is without any layer, and some to spare.
  private static let frameBytes = 16 << 10

  /// The page in HTML, at most 1 MiB.
  public var html: String {
    var parts: [String] = []
    var rest = Page.mostBytes - Self.frameBytes
    for section in sections {
      let part = part(section)
      guard part.utf8.count <= rest else { continue }
      rest -= part.utf8.count
      parts.append(part)
    }
    let leftOut = sections.count - parts.count
    return Page(
      title: "\(topic.rawValue) – bn-stream explain", style: PageStyle.text,
      body: Self.template.render([
        "topic": topic.rawValue, "statement": statement, "source": source, "parts": parts,
        "leftOut": leftOut > 0 ? ["\(leftOut)"] : [],
      ])
    ).html
  }

  private func part(_ section: Section) -> String {
    let verdict: Verdict =
      switch section.explanation.verdict {
      case .held: .pass
      case .refuted: .fail
      case .inconclusive: .unknown
      }
    return Self.partTemplate.render([
      "place": ReportPage.cut(section.place.shown, to: 600),
      "header": section.header.map { $0.isEmpty ? "quantity" : $0 },
      "rows": section.rows.map { ["name": $0.first ?? "", "cells": Array($0.dropFirst())] as [String: Any] },
      "verdict": verdict.rawValue, "words": section.verdict,
      "figures": ExplanationPictures(section.explanation, naming: variant).figures,
    ])
  }

  private static let partTemplate = PageTemplate(
    """
    <section class="layer"><h2>{{place}}</h2>
    <p><span class="chip {{verdict}}">{{words}}</span></p>
    <div class="grid">{{#figures}}<figure>{{{picture}}}<figcaption><b>{{title}}</b>: {{#numbers}}{{#key}}<span class="key {{.}}"></span>{{/key}}{{text}}{{^last()}}; {{/last()}}{{/numbers}}</figcaption></figure>
    {{/figures}}</div>
    <div class="scroll" tabindex="0" role="region" aria-label="Numbers of {{place}}"><table><thead><tr>{{#header}}<th class="t" scope="col">{{.}}</th>{{/header}}</tr></thead><tbody>
    {{#rows}}<tr><th class="t" scope="row">{{name}}</th>{{#cells}}<td class="t">{{.}}</td>{{/cells}}</tr>
    {{/rows}}</tbody></table></div>
    </section>
    """)

  private static let template = PageTemplate(
    """
    <header><h1>{{topic}}</h1><p>{{statement}}</p><p class="soft">{{source}}</p></header>
    <main>
    {{#parts}}{{{.}}}
    {{/parts}}
    {{#leftOut}}<p class="soft">{{.}} further layers have no room, for a page is at most 1 MiB: --layer chooses others.</p>{{/leftOut}}
    </main>
    """)
}
