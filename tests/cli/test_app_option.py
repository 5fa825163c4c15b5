"""`--app package.module:name`: what it may name, and how each failure is told."""

from __future__ import annotations

import pytest


def types_of(outcome):
    assert (outcome.code, outcome.err) == (0, "")
    return {row[0] for row in outcome.rows}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("shop", {"order_placed"}), ("stock", {"goods_received"}), ("everything", {"order_placed", "goods_received"})],
)
def test_it_names_a_module_or_a_list_of_them(run, url, shop, name, expected):
    assert types_of(run("types", "--app", shop(name=name), db=url)) == expected


def test_it_names_a_function_that_opens_the_store(run, url, shop):
    assert types_of(run("types", "--app", shop(name="opened"))) == {"order_placed", "goods_received"}


def test_the_environment_names_it_too_and_the_option_wins(run, url, shop):
    assert types_of(run("types", db=url, EVERFOLD_APP=shop(name="stock"))) == {"goods_received"}
    assert types_of(run("types", "--app", shop(), db=url, EVERFOLD_APP="no:such")) == {"order_placed"}


def test_it_is_found_in_the_current_folder_by_a_program_of_its_own(program, url, shop):
    assert types_of(program("types", "--app", shop(), db=url)) == {"order_placed"}


def test_a_name_may_be_an_attribute_of_an_attribute(run, url, shop):
    app = shop("import everfold as ef\nclass Owner:\n    shop = ef.Module('shop')\n", "Owner.shop")
    assert types_of(run("types", "--app", app, db=url)) == set()


@pytest.mark.parametrize("reference", ["shop", "shop:", ":shop", ""])
def test_another_form_is_refused(run, url, reference):
    done = run("types", "--app", reference or ":", db=url)
    assert (done.code, "package.module:name" in done.err) == (2, True)


def test_a_module_that_is_not_there_is_named_with_the_folder(run, url, folder):
    done = run("types", "--app", "no_such_package.events:shop", db=url)
    assert (done.code, "there is no module 'no_such_package'" in done.err, str(folder) in done.err) == (2, True, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_a_module_that_fails_while_it_is_imported_tells_its_error(run, url, shop, text, told):
    done = run("types", "--app", shop(text), db=url)
    assert (done.code, told in done.err) == (2, True)


def test_verbose_adds_the_traceback_of_the_module(run, url, shop):
    assert "Traceback" not in run("types", "--app", shop("1 / 0"), db=url).err
    assert "ZeroDivisionError" in run("-v", "types", "--app", shop("1 / 0"), db=url).err
    assert "Traceback" in run("types", "--verbose", "--app", shop("1 / 0"), db=url).err


def test_a_name_that_is_not_there_is_told_with_those_that_are(run, url, shop):
    done = run("types", "--app", shop(name="shopp"), db=url)
    assert (done.code, "its modules are: shop, stock" in done.err) == (2, True)


@pytest.mark.parametrize("name", ["number", "wrong"])
def test_what_is_no_application_is_refused(run, url, shop, name):
    done = run("types", "--app", shop(name=name), "--json")
    assert (done.code, "ef.EventStore" in done.error["message"]) == (2, True)


@pytest.mark.parametrize("text", ["shop = []", "shop = [1]", "shop = 'shop'"])
def test_a_list_of_anything_else_is_refused(run, url, shop, text):
    assert run("types", "--app", shop(text), db=url).code == 2


def test_a_factory_that_raises_is_told(run, shop):
    done = run("types", "--app", shop(name="failing"))
    assert (done.code, "raised RuntimeError: out of order" in done.err) == (2, True)


def test_a_factory_whose_store_does_not_open_is_told_as_its_error(run, shop):
    done = run("types", "--app", shop(name="unmigrated"), "--json")
    assert (done.code, done.error["code"]) == (2, "schema")


@pytest.mark.parametrize("beside", [["--db", "memory://"], ["--tenant", "north"]])
def test_a_factory_and_another_store_contradict_each_other(run, url, shop, beside):
    done = run("types", "--app", shop(name="opened"), *beside)
    assert (done.code, "opens its own store" in done.err) == (2, True)


def test_a_factory_goes_before_the_store_of_the_environment(run, url, shop):
    assert run("types", "--app", shop(name="opened"), EVERFOLD_DB="memory://").code == 0


def test_modules_that_contradict_each_other_are_all_told(run, url, shop):
    text = "import everfold as ef\na, b = ef.Module('a'), ef.Module('a')\nboth = [a, b]\n"
    done = run("types", "--app", shop(text, "both"), "--json", db=url)
    assert (done.code, done.error["code"]) == (2, "configuration")
