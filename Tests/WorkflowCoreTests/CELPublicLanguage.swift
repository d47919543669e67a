/// Of CEL's public conformance files basic, parse, plumbing, logic, fields.
/// name | expression | value or error | variables
extension PublicCase {
    static let language = table(
        #"""
        basic/self_eval_zeroish/self_eval_int_zero | 0 | 0
        basic/self_eval_zeroish/self_eval_float_zero | 0.0 | 0.0
        basic/self_eval_zeroish/self_eval_float_zerowithexp | 0e+0 | 0.0
        basic/self_eval_zeroish/self_eval_string_empty | '' | ""
        basic/self_eval_zeroish/self_eval_string_empty_quotes | "" | ""
        basic/self_eval_zeroish/self_eval_string_raw_prefix | r"" | ""
        basic/self_eval_zeroish/self_eval_bool_false | false | false
        basic/self_eval_zeroish/self_eval_null | null | null
        basic/self_eval_zeroish/self_eval_empty_list | [] | []
        basic/self_eval_zeroish/self_eval_string_raw_prefix_triple_double | r"""""" | ""
        basic/self_eval_zeroish/self_eval_string_raw_prefix_triple_single | r'''''' | ""
        basic/self_eval_nonzeroish/self_eval_int_nonzero | 42 | 42
        basic/self_eval_nonzeroish/self_eval_int_negative_min | -9223372036854775808 | -9223372036854775808
        basic/self_eval_nonzeroish/self_eval_float_negative_exp | -2.3e+1 | -23.0
        basic/self_eval_nonzeroish/self_eval_string_excl | "!" | "!"
        basic/self_eval_nonzeroish/self_eval_string_escape | '\'' | "'"
        basic/self_eval_nonzeroish/self_eval_list_singleitem | [-1] | [-1]
        basic/self_eval_nonzeroish/self_eval_bool_true | true | true
        basic/self_eval_nonzeroish/self_eval_int_hex | 0x55555555 | 1431655765
        basic/self_eval_nonzeroish/self_eval_int_hex_negative | -0x55555555 | -1431655765
        basic/self_eval_nonzeroish/self_eval_unicode_escape_four | "\u270c" | "✌"
        basic/self_eval_nonzeroish/self_eval_unicode_escape_eight | "\U0001f431" | "🐱"
        basic/self_eval_nonzeroish/self_eval_ascii_escape_seq | "\a\b\f\n\r\t\v\"\'\\" | "\u0007\b\f\n\r\t\u000b\"'\\"
        basic/variables/self_eval_bound_lookup | x | 123 | {"x": 123}
        basic/variables/self_eval_unbound_lookup | x | error
        basic/variables/unbound_is_runtime_error | x || true | true
        basic/functions/binop | 1 + 1 | 2
        basic/reserved_const/false | false | false | {"false": true}
        basic/reserved_const/true | true | true | {"true": false}
        basic/reserved_const/null | null | null | {"null": true}
        fields/map_fields/map_field_access | x.name | 1024 | {"x": {"name": 1024}}
        fields/map_fields/map_field_select_no_such_key | x.name | error | {"x": {"holiday": "field"}}
        fields/qualified_identifier_resolution/int64_field_select_unsupported | a.pancakes | error | {"a": 15}
        logic/conditional/true_case | true ? 1 : 2 | 1
        logic/conditional/false_case | false ? 'foo' : 'bar' | "bar"
        logic/conditional/mixed_type | true ? 'cows' : 17 | "cows"
        logic/conditional/bad_type | 'cows' ? false : 17 | error
        logic/AND/all_true | true && true | true
        logic/AND/all_false | false && false | false
        logic/AND/false_left | false && true | false
        logic/AND/false_right | true && false | false
        logic/AND/short_circuit_type_left | false && 32 | false
        logic/AND/short_circuit_type_right | 'horses' && false | false
        logic/AND/no_overload | 'less filling' && 'tastes great' | error
        logic/OR/all_true | true || true | true
        logic/OR/all_false | false || false | false
        logic/OR/false_left | false || true | true
        logic/OR/false_right | true || false | true
        logic/OR/short_circuit_type_left | true || 32 | true
        logic/OR/short_circuit_type_right | 'horses' || true | true
        logic/OR/no_overload | 'less filling' || 'tastes great' | error
        logic/NOT/not_true | !true | false
        logic/NOT/not_false | !false | true
        logic/NOT/no_overload | !0 | error
        parse/nest/list_index | a[a[a[a[a[a[a[a[a[a[a[a[0]]]]]]]]]]]] | 0 | {"a": [0]}
        parse/nest/list_literal | size([[[[[[[[[[[[0]]]]]]]]]]]]) | 1
        parse/nest/parens | ((((((((((((((((((((((((((((((((7)))))))))))))))))))))))))))))))) | 7
        parse/repeat/conditional | true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : true ? true : false | true
        parse/repeat/or | false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || false || true | true
        parse/repeat/and | true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && true && false | false
        parse/repeat/add_sub | 3 - 3 + 3 - 3 + 3 - 3 + 3 - 3 + 3 - 3 + 3 - 3 + 3 - 3 + 3 - 3 + 3 - 3 + 3 - 3 + 3 - 3 + 3 - 3 + 3 | 3
        parse/repeat/not | !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!true | true
        parse/repeat/unary_neg | --------------------------------19 | 19
        parse/repeat/index | [[[[[[[[[[[['foo']]]]]]]]]]]][0][0][0][0][0][0][0][0][0][0][0][0] | "foo"
        parse/repeat/list_literal | [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31][17] | 17
        parse/string_literals/single_quoted | 'hello' | "hello"
        parse/string_literals/double_quoted | "hello" | "hello"
        parse/string_literals/triple_single_quoted | '''hello''' | "hello"
        parse/string_literals/triple_double_quoted | """hello""" | "hello"
        parse/string_literals/single_quoted_escaped_punctuation | ' \\ \? \" \' \` ' | " \\ ? \" ' ` "
        parse/string_literals/double_quoted_escaped_punctuation | " \\ \? \" \' \` " | " \\ ? \" ' ` "
        parse/string_literals/triple_single_quoted_escaped_punctuation | ''' \\ \? \" \' \` ''' | " \\ ? \" ' ` "
        parse/string_literals/triple_double_quoted_escaped_punctuation | """ \\ \? \" \' \` """ | " \\ ? \" ' ` "
        parse/string_literals/triple_single_quoted_unescaped_punctuation | ''' ? " ' ` ''' | " ? \" ' ` "
        parse/string_literals/triple_double_quoted_unescaped_punctuation | """ ? " ' ` """ | " ? \" ' ` "
        parse/string_literals/single_quoted_escaped_special_control_characters | ' \a \b \f \t \v ' | " \u0007 \b \f \t \u000b "
        parse/string_literals/double_quoted_escaped_special_control_characters | " \a \b \f \t \v " | " \u0007 \b \f \t \u000b "
        parse/string_literals/single_quoted_unescaped_special_control_characters | json:"' \u0007 \b \f \t \u000b '" | " \u0007 \b \f \t \u000b "
        parse/string_literals/double_quoted_unescaped_special_control_characters | json:"\" \u0007 \b \f \t \u000b \"" | " \u0007 \b \f \t \u000b "
        parse/string_literals/triple_single_quoted_escaped_special_control_characters | ''' \a \b \f \t \v ''' | " \u0007 \b \f \t \u000b "
        parse/string_literals/triple_double_quoted_escaped_special_control_characters | """ \a \b \f \t \v """ | " \u0007 \b \f \t \u000b "
        parse/string_literals/triple_single_quoted_unescaped_special_control_characters | json:"''' \u0007 \b \f \t \u000b '''" | " \u0007 \b \f \t \u000b "
        parse/string_literals/triple_double_quoted_unescaped_special_control_characters | json:"\"\"\" \u0007 \b \f \t \u000b \"\"\"" | " \u0007 \b \f \t \u000b "
        parse/string_literals/single_quoted_escaped_line_feed | ' \n ' | " \n "
        parse/string_literals/double_quoted_escaped_line_feed | " \n " | " \n "
        parse/string_literals/triple_single_quoted_escaped_line_feed | ''' \n ''' | " \n "
        parse/string_literals/triple_double_quoted_escaped_line_feed | """ \n """ | " \n "
        parse/string_literals/triple_single_quoted_unescaped_line_feed | json:"''' \n '''" | " \n "
        parse/string_literals/triple_double_quoted_unescaped_line_feed | json:"\"\"\" \n \"\"\"" | " \n "
        parse/string_literals/single_quoted_escaped_carriage_return | ' \r ' | " \r "
        parse/string_literals/double_quoted_escaped_carriage_return | " \r " | " \r "
        parse/string_literals/triple_single_quoted_escaped_carriage_return | ''' \r ''' | " \r "
        parse/string_literals/triple_double_quoted_escaped_carriage_return | """ \r """ | " \r "
        parse/string_literals/triple_single_quoted_unescaped_carriage_return | json:"''' \r '''" | " \r "
        parse/string_literals/triple_double_quoted_unescaped_carriage_return | json:"\"\"\" \r \"\"\"" | " \r "
        parse/string_literals/single_quoted_escaped_windows_line_end | ' \r\n ' | " \r\n "
        parse/string_literals/double_quoted_escaped_windows_line_end | " \r\n " | " \r\n "
        parse/string_literals/triple_single_quoted_escaped_windows_line_end | ''' \r\n ''' | " \r\n "
        parse/string_literals/triple_double_quoted_escaped_windows_line_end | """ \r\n """ | " \r\n "
        parse/string_literals/triple_single_quoted_unescaped_windows_line_end | json:"''' \r\n '''" | " \r\n "
        parse/string_literals/triple_double_quoted_unescaped_windows_line_end | json:"\"\"\" \r\n \"\"\"" | " \r\n "
        parse/string_literals/single_quoted_escaped_all_control_characters | ' \x01 \x02 \x03 \x04 \x05 \x06 \x07 \x08 \x09 \x0B \x0C \x0E \x0F \x10 \x11 \x12 \x13 \x14 \x15 \x16 \x17 \x18 \x19 \x1A \x1B \x1C \x1D \x1E \x1f \x7F ' | " \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f "
        parse/string_literals/double_quoted_escaped_all_control_characters | " \x01 \x02 \x03 \x04 \x05 \x06 \x07 \x08 \x09 \x0B \x0C \x0E \x0F \x10 \x11 \x12 \x13 \x14 \x15 \x16 \x17 \x18 \x19 \x1A \x1B \x1C \x1D \x1E \x1f \x7F " | " \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f "
        parse/string_literals/single_quoted_unescaped_all_control_characters | json:"' \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f '" | " \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f "
        parse/string_literals/double_quoted_unescaped_all_control_characters | json:"\" \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f \"" | " \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f "
        parse/string_literals/triple_single_quoted_escaped_all_control_characters | ''' \x01 \x02 \x03 \x04 \x05 \x06 \x07 \x08 \x09 \x0B \x0C \x0E \x0F \x10 \x11 \x12 \x13 \x14 \x15 \x16 \x17 \x18 \x19 \x1A \x1B \x1C \x1D \x1E \x1f \x7F ''' | " \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f "
        parse/string_literals/triple_double_quoted_escaped_all_control_characters | """ \x01 \x02 \x03 \x04 \x05 \x06 \x07 \x08 \x09 \x0B \x0C \x0E \x0F \x10 \x11 \x12 \x13 \x14 \x15 \x16 \x17 \x18 \x19 \x1A \x1B \x1C \x1D \x1E \x1f \x7F """ | " \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f "
        parse/string_literals/triple_single_quoted_unescaped_all_control_characters | json:"''' \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f '''" | " \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f "
        parse/string_literals/triple_double_quoted_unescaped_all_control_characters | json:"\"\"\" \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f \"\"\"" | " \u0001 \u0002 \u0003 \u0004 \u0005 \u0006 \u0007 \b \t \u000b \f \u000e \u000f \u0010 \u0011 \u0012 \u0013 \u0014 \u0015 \u0016 \u0017 \u0018 \u0019 \u001a \u001b \u001c \u001d \u001e \u001f \u007f "
        parse/string_literals/single_quoted_octal_escapes | ' \000 \012 \177 ' | " \u0000 \n \u007f "
        parse/string_literals/double_quoted_octal_escapes | " \000 \012 \177 " | " \u0000 \n \u007f "
        parse/string_literals/triple_single_quoted_octal_escapes | ''' \000 \012 \177 ''' | " \u0000 \n \u007f "
        parse/string_literals/triple_double_quoted_octal_escapes | """ \000 \012 \177 """ | " \u0000 \n \u007f "
        parse/string_literals/single_quoted_lower_x_escapes | ' \x00 \x0A \x7F ' | " \u0000 \n \u007f "
        parse/string_literals/double_quoted_lower_x_escapes | " \x00 \x0A \x7F " | " \u0000 \n \u007f "
        parse/string_literals/triple_single_quoted_lower_x_escapes | ''' \x00 \x0A \x7F ''' | " \u0000 \n \u007f "
        parse/string_literals/triple_double_quoted_lower_x_escapes | """ \x00 \x0A \x7F """ | " \u0000 \n \u007f "
        parse/string_literals/single_quoted_upper_x_escapes | ' \X00 \X0A \X7F ' | " \u0000 \n \u007f "
        parse/string_literals/double_quoted_upper_x_escapes | " \X00 \X0A \X7F " | " \u0000 \n \u007f "
        parse/string_literals/triple_single_quoted_upper_x_escapes | ''' \X00 \X0A \X7F ''' | " \u0000 \n \u007f "
        parse/string_literals/triple_double_quoted_upper_x_escapes | """ \X00 \X0A \X7F """ | " \u0000 \n \u007f "
        parse/string_literals/single_quoted_lower_u_escapes | ' \u0000 \u000A \u007F \u0100 \uFFFB ' | " \u0000 \n \u007f Ā ￻ "
        parse/string_literals/double_quoted_lower_u_escapes | " \u0000 \u000A \u007F \u0100 \uFFFB " | " \u0000 \n \u007f Ā ￻ "
        parse/string_literals/triple_single_quoted_lower_u_escapes | ''' \u0000 \u000A \u007F \u0100 \uFFFB ''' | " \u0000 \n \u007f Ā ￻ "
        parse/string_literals/triple_double_quoted_lower_u_escapes | """ \u0000 \u000A \u007F \u0100 \uFFFB """ | " \u0000 \n \u007f Ā ￻ "
        parse/string_literals/single_quoted_upper_u_escapes | ' \U00000000 \U0000000A \U0000007F \U00000100 \U0000FFFB \U00010000 \U0001F62C ' | " \u0000 \n \u007f Ā ￻ 𐀀 😬 "
        parse/string_literals/double_quoted_upper_u_escapes | " \U00000000 \U0000000A \U0000007F \U00000100 \U0000FFFB \U00010000 \U0001F62C " | " \u0000 \n \u007f Ā ￻ 𐀀 😬 "
        parse/string_literals/triple_single_quoted_upper_u_escapes | ''' \U00000000 \U0000000A \U0000007F \U00000100 \U0000FFFB \U00010000 \U0001F62C ''' | " \u0000 \n \u007f Ā ￻ 𐀀 😬 "
        parse/string_literals/triple_double_quoted_upper_u_escapes | """ \U00000000 \U0000000A \U0000007F \U00000100 \U0000FFFB \U00010000 \U0001F62C """ | " \u0000 \n \u007f Ā ￻ 𐀀 😬 "
        parse/string_literals/mixed_case_hex_single_quoted_escapes | ' \x4a \x4B \X4c \X4D \u01aB \U000001aB ' | " J K L M ƫ ƫ "
        parse/string_literals/mixed_case_hex_double_quoted_escapes | " \x4a \x4B \X4c \X4D \u01aB \U000001aB " | " J K L M ƫ ƫ "
        parse/string_literals/mixed_case_hex_triple_single_quoted_escapes | ''' \x4a \x4B \X4c \X4D \u01aB \U000001aB ''' | " J K L M ƫ ƫ "
        parse/string_literals/mixed_case_hex_triple_double_quoted_escapes | """ \x4a \x4B \X4c \X4D \u01aB \U000001aB """ | " J K L M ƫ ƫ "
        parse/string_literals/unassigned_code_point_single_quoted_escapes | ' \U00088888 ' | " 򈢈 "
        parse/string_literals/unassigned_code_point_double_quoted_escapes | " \U00088888 " | " 򈢈 "
        parse/string_literals/unassigned_code_point_triple_single_quoted_escapes | ''' \U00088888 ''' | " 򈢈 "
        parse/string_literals/unassigned_code_point_triple_double_quoted_escapes | """ \U00088888 """ | " 򈢈 "
        parse/string_literals/unassigned_code_point_single_quoted_unescaped | ' 򈢈 ' | " 򈢈 "
        parse/string_literals/unassigned_code_point_double_quoted_unescaped | " 򈢈 " | " 򈢈 "
        parse/string_literals/unassigned_code_point_triple_single_quoted_unescaped | ''' 򈢈 ''' | " 򈢈 "
        parse/string_literals/unassigned_code_point_triple_double_quoted_unescaped | """ 򈢈 """ | " 򈢈 "
        parse/string_literals/raw_single_quoted_escapes | r' \\ \? \" \` \a \b \f \t \v \n \r \000 \x00 \X00 \u0000 \U00000000 ' | " \\\\ \\? \\\" \\` \\a \\b \\f \\t \\v \\n \\r \\000 \\x00 \\X00 \\u0000 \\U00000000 "
        parse/string_literals/raw_double_quoted_escapes | r" \\ \? \' \` \a \b \f \t \v \n \r \000 \x00 \X00 \u0000 \U00000000 " | " \\\\ \\? \\' \\` \\a \\b \\f \\t \\v \\n \\r \\000 \\x00 \\X00 \\u0000 \\U00000000 "
        parse/string_literals/raw_triple_single_quoted_escapes | r''' \\ \? \" \' \` \a \b \f \t \v \n \r \000 \x00 \X00 \u0000 \U00000000 ''' | " \\\\ \\? \\\" \\' \\` \\a \\b \\f \\t \\v \\n \\r \\000 \\x00 \\X00 \\u0000 \\U00000000 "
        parse/string_literals/raw_triple_double_quoted_escapes | r""" \\ \? \" \' \` \a \b \f \t \v \n \r \000 \x00 \X00 \u0000 \U00000000 """ | " \\\\ \\? \\\" \\' \\` \\a \\b \\f \\t \\v \\n \\r \\000 \\x00 \\X00 \\u0000 \\U00000000 "
        parse/string_literals/upper_raw_single_quoted_escapes | R' \\ \? \" \` \a \b \f \t \v \n \r \000 \x00 \X00 \u0000 \U00000000 ' | " \\\\ \\? \\\" \\` \\a \\b \\f \\t \\v \\n \\r \\000 \\x00 \\X00 \\u0000 \\U00000000 "
        parse/string_literals/upper_raw_double_quoted_escapes | R" \\ \? \' \` \a \b \f \t \v \n \r \000 \x00 \X00 \u0000 \U00000000 " | " \\\\ \\? \\' \\` \\a \\b \\f \\t \\v \\n \\r \\000 \\x00 \\X00 \\u0000 \\U00000000 "
        parse/string_literals/upper_raw_triple_single_quoted_escapes | R''' \\ \? \" \' \` \a \b \f \t \v \n \r \000 \x00 \X00 \u0000 \U00000000 ''' | " \\\\ \\? \\\" \\' \\` \\a \\b \\f \\t \\v \\n \\r \\000 \\x00 \\X00 \\u0000 \\U00000000 "
        parse/string_literals/upper_raw_triple_double_quoted_escapes | R""" \\ \? \" \' \` \a \b \f \t \v \n \r \000 \x00 \X00 \u0000 \U00000000 """ | " \\\\ \\? \\\" \\' \\` \\a \\b \\f \\t \\v \\n \\r \\000 \\x00 \\X00 \\u0000 \\U00000000 "
        plumbing/min/min_program | 17 | 17
        plumbing/check_inputs/skip_check | [17, 'pancakes'] | [17, "pancakes"]
        plumbing/eval_inputs/one_ignored_value_arg | 'foo' | "foo" | {"x": 17}
        """#)
}
