/// One expression or template of the file.
struct ExpressionUse {
    enum Content {
        case template(Template)
        case condition(Expression)
    }

    let path: DefinitionPath
    let place: ExpressionPlace
    let content: Content

    var references: [ExpressionReference] {
        switch content {
        case .template(let template): template.references
        case .condition(let expression): expression.references
        }
    }

    func analyse(_ environment: (ExpressionReference) -> StaticType?) -> StaticAnalysis {
        switch content {
        case .template(let template): template.analyse(environment)
        case .condition(let expression): expression.analyse(environment)
        }
    }

    /// Unicode scalars of the text before the first call of a function.
    func offset(ofFirst function: ExpressionNode.Function) -> Int? {
        switch content {
        case .condition(let expression): return expression.root.firstCall(of: function)
        case .template(let template):
            for case .expression(let expression, let offset) in template.parts {
                if let place = expression.root.firstCall(of: function) { return place + offset }
            }
            return nil
        }
    }

    /// As `ExpressionNode.placesRead`; offsets count in the template.
    var placesRead: [ExpressionNode.Place] {
        switch content {
        case .condition(let expression): expression.root.placesRead
        case .template(let template):
            template.parts.flatMap { part in
                guard case .expression(let expression, let offset) = part else { return [ExpressionNode.Place]() }
                return expression.root.placesRead.map { .init(offset: $0.offset + offset, names: $0.names) }
            }
        }
    }

    /// The place that the text reads, if the text is nothing but this one place.
    var onlyPlace: [String]? {
        guard case .template(let template) = content, template.parts.count == 1,
            case .expression(let expression, _) = template.parts[0], let place = expression.root.placesRead.first
        else { return nil }
        switch expression.root.kind {
        case .name: return place.names
        case .path(_, let steps): return place.names.count == steps.count + 1 ? place.names : nil
        default: return nil
        }
    }

    /// The variable that a `save` or `set` fills.
    var target: String? {
        guard case .name(let name)? = path.steps.last else { return nil }
        return switch place {
        case .save, .set, .catchSet, .itemSave, .signalSave, .moved: name
        default: nil
        }
    }
}

extension DefinitionReader {
    /// A text with `${ }`. Numbers and booleans that YAML reads as such keep their type.
    mutating func template(_ node: Node, _ place: ExpressionPlace) -> Template? {
        let source: String
        switch node.value {
        case .string(let text): source = text
        case .number(let number): source = "${\(number.text)}"
        case .bool(let flag): source = "${\(flag)}"
        case .null:
            wrongType(node, "text", hint: "for a null write '${null}'")
            return nil
        case .array, .object:
            wrongType(node, "text")
            return nil
        }
        do throws(ExpressionSyntaxError) {
            let template = try Template.parse(source)
            uses.append(ExpressionUse(path: node.path, place: place, content: .template(template)))
            return template
        } catch {
            unreadable(node, error)
            return nil
        }
    }

    /// A condition, written without `${ }`.
    mutating func expression(_ node: Node, _ place: ExpressionPlace) -> Expression? {
        let source: String
        switch node.value {
        case .string(let text): source = text
        case .bool(let flag): source = "\(flag)"
        default:
            wrongType(node, "a condition")
            return nil
        }
        do throws(ExpressionSyntaxError) {
            let expression = try Expression.parse(source)
            uses.append(ExpressionUse(path: node.path, place: place, content: .condition(expression)))
            return expression
        } catch {
            unreadable(node, error, hint: source.contains("${") ? "write a condition without ${ }" : nil)
            return nil
        }
    }

    private mutating func unreadable(_ node: Node, _ error: ExpressionSyntaxError, hint: String? = nil) {
        report(
            .expression, node.path, .value,
            "\(Self.label(node.path)), character \(error.offset + 1): \(error.message)", hint: hint)
    }

    /// A tree whose texts are templates.
    mutating func tree(_ node: Node, _ place: ExpressionPlace) -> JSONTemplate? {
        let before = problems.count
        readLeaves(node, place)
        guard problems.count == before else { return nil }
        return try? JSONTemplate(parsing: node.value)
    }

    private mutating func readLeaves(_ node: Node, _ place: ExpressionPlace) {
        switch node.value {
        case .string: _ = template(node, place)
        case .array(let items):
            for (index, item) in items.enumerated() {
                readLeaves(Node(path: node.path.item(index), value: item), place)
            }
        case .object(let object):
            for member in object.members {
                readLeaves(Node(path: node.path.member(member.name), value: member.value), place)
            }
        case .null, .bool, .number: break
        }
    }

    mutating func templates(_ node: Node?, as style: NameStyle, _ place: ExpressionPlace) -> [DraftTemplate] {
        named(node, as: style).map {
            DraftTemplate(name: $0.name, path: $0.node.path, template: template($0.node, place))
        }
    }

    mutating func trees(_ node: Node?, _ place: ExpressionPlace) -> [DraftTree] {
        named(node, as: .field).map { DraftTree(name: $0.name, path: $0.node.path, value: tree($0.node, place)) }
    }
}

extension Template {
    /// Whether the text around its expressions holds one of the characters.
    func hasLiteral(containing characters: String) -> Bool {
        hasLiteral { characters.unicodeScalars.contains($0) }
    }

    func hasLiteral(where isMeant: (Unicode.Scalar) -> Bool) -> Bool {
        parts.contains { part in
            guard case .text(let text) = part else { return false }
            return text.unicodeScalars.contains(where: isMeant)
        }
    }
}
