"""The laws of the house, each its own test. They read the code; they never run it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from source_tree import PACKAGE, ROOT, called, files_in_git, imports, name, product_files, texts, tree, words

# From the top down. A module imports from its own part or from a lower layer; parts of one layer stay apart,
# except where a line of ALSO says otherwise and why.
LAYERS = (
    {"app", "pages"},
    {"cli", "__main__"},
    {"ui"},
    {"figures", "leg", "handout", "learning"},
    {"reasoning", "outcomes"},
    {"knowledge_base", "proms", "statistics", "disclosure", "mechanics"},
    {"quantities", "errors"},
)
ALSO = {
    ("__main__", "cli"),
    ("handout", "figures"),  # the report sets the sentences and tables of the charts on paper
    ("disclosure", "statistics"),  # what is released is the result of a statistic
    ("quantities", "errors"),  # a quantity out of range is refused with a sentence
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def offenders(paths, is_wrong) -> list[str]:
    """The names of those files for which `is_wrong` holds."""
    return [name(path) for path in paths if is_wrong(path)]


def part_of(module: str) -> str:
    """The part of the house a dotted module name belongs to: "kneewise.ui.frame" -> "ui"."""
    pieces = module.split(".")
    if pieces[0] != "kneewise":
        return pieces[0]
    return pieces[1] if len(pieces) > 1 else "kneewise"


def part_of_file(path: Path) -> str:
    return part_of(name(path).removesuffix(".py").replace("/", "."))


def layer(part: str) -> int | None:
    return next((depth for depth, parts in enumerate(LAYERS) if part in parts), None)


def forbidden_arrow(importer: str, imported: str) -> bool:
    """Whether part `importer` may not import part `imported`."""
    above, below = layer(importer), layer(imported)
    if above is None or below is None or importer == imported or (importer, imported) in ALSO:
        return False
    return below <= above


def arrows() -> list[tuple[str, str, str]]:
    """(file, its part, part it imports) for every import of our own code."""
    return [
        (name(path), part_of_file(path), part_of(module))
        for path in product_files()
        for module in imports(path)
        if module.startswith("kneewise.") and part_of(module) != "kneewise"
    ]


def test_every_part_of_the_package_has_its_place_in_the_layers():
    parts = {part_of_file(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert {part for part in parts if layer(part) is None} == set()


def test_arrows_point_down():
    assert [arrow for arrow in arrows() if forbidden_arrow(arrow[1], arrow[2])] == []


def test_the_law_of_arrows_would_catch_an_arrow_that_points_up():
    assert forbidden_arrow("reasoning", "ui")
    assert forbidden_arrow("statistics", "outcomes")
    assert forbidden_arrow("figures", "learning")
    assert not forbidden_arrow("ui", "reasoning")


def test_no_module_is_part_of_a_circle_of_imports():
    modules = {
        name(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in product_files()
    }
    # The names inside `from package import name` count as modules only if they are one; a package's own __init__
    # collecting its parts is not a circle, so edges to an ancestor package are left out.
    edges = {
        module: {
            each for each in imports(path) if each in modules and each != module and not module.startswith(f"{each}.")
        }
        for module, path in modules.items()
    }
    assert find_circle(edges) is None


def test_the_search_for_circles_finds_one():
    assert find_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert find_circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


def find_circle(edges: dict[str, set[str]]) -> list[str] | None:
    """One circle as the modules on it, or None."""
    done: set[str] = set()

    def walk(module: str, trail: list[str]) -> list[str] | None:
        if module in trail:
            return [*trail[trail.index(module) :], module]
        if module in done:
            return None
        for each in sorted(edges[module]):
            circle = walk(each, [*trail, module])
            if circle:
                return circle
        done.add(module)
        return None

    return next(filter(None, (walk(module, []) for module in sorted(edges))), None)


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("streamlit", ("app.py", "pages/", "kneewise/ui/", "kneewise/leg/", "benchmarks/")),
        ("plotly", ("kneewise/figures/",)),
        ("ibis", ("kneewise/outcomes/",)),
        ("duckdb", ("kneewise/outcomes/",)),
        ("pyspark", ("kneewise/outcomes/",)),
    ],
)
def test_a_library_stays_behind_its_one_door(library: str, allowed: tuple[str, ...]):
    wrong = offenders(
        product_files(),
        lambda path: (
            not name(path).startswith(allowed) and any(module.split(".")[0] == library for module in imports(path))
        ),
    )
    assert wrong == []


INPUT_OUTPUT_MODULES = {
    "os", "io", "pathlib", "shutil", "socket", "subprocess", "urllib", "http", "sqlite3", "tempfile", "requests", "yaml",
    "time", "datetime.datetime.now", "random", "logging", "sys",
}  # fmt: skip
INPUT_OUTPUT_CALLS = {"open", "print", "input", "read_text", "write_text", "read_bytes", "write_bytes", "read_csv",
                      "read_parquet", "to_csv", "to_parquet", "now", "today"}  # fmt: skip


@pytest.mark.parametrize("part", ["reasoning", "mechanics", "statistics", "quantities", "proms"])
def test_thinking_does_no_input_or_output(part: str):
    """The same call gives the same answer on screen, in a notebook and in a test."""
    paths = [path for path in product_files() if part_of_file(path) == part]
    wrong = [
        f"{name(path)} imports {module}"
        for path in paths
        for module in imports(path)
        if module.split(".")[0] in INPUT_OUTPUT_MODULES
    ]
    wrong += [f"{name(path)} calls {call}" for path in paths for call, _ in called(path) if call in INPUT_OUTPUT_CALLS]
    assert wrong == []


def test_pages_hold_no_logic():
    """A page asks, makes one call and shows: no def, class, lambda, loop over its own rules or import of lower layers."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.While, ast.Try)
    pages = sorted((ROOT / "pages").glob("*.py"))
    assert pages, "there are no pages"
    wrong = offenders(
        [ROOT / "app.py", *pages], lambda path: any(isinstance(each, kinds) for each in ast.walk(tree(path)))
    )
    assert wrong == []


def test_every_page_begins_with_the_frame():
    """Hazard KW-H13: whatever a page does, it does inside the frame."""
    wrong = []
    for path in sorted((ROOT / "pages").glob("*.py")):
        statements = [each for each in tree(path).body if not isinstance(each, ast.Import | ast.ImportFrom)]
        first = ast.unparse(statements[1])  # after the docstring
        if first != f"frame.open_page('{path.stem}')":
            wrong.append(f"{name(path)}: {first}")
    assert wrong == []


def test_knowledge_and_data_hold_no_code():
    code = [name(path) for folder in ("knowledge", "data") for path in (ROOT / folder).rglob("*.py*")]
    assert code == []


def test_only_the_session_touches_session_state():
    """Hazard KW-H14."""
    wrong = offenders(
        product_files(), lambda path: "session_state" in words(path) and name(path) != "kneewise/ui/session.py"
    )
    assert wrong == []


def test_only_downloads_offer_a_file():
    """Hazard KW-H07: one door, so that every file has a name of its own and a limit."""
    wrong = offenders(
        product_files(), lambda path: "download_button" in words(path) and name(path) != "kneewise/ui/downloads.py"
    )
    assert wrong == []


def test_only_caches_remember_results():
    """Hazard KW-H12: one door, so that nothing is remembered under a frame or a free text."""
    wrong = offenders(
        product_files(),
        lambda path: (
            bool({"cache_data", "cache_resource"} & set(words(path))) and name(path) != "kneewise/ui/caches.py"
        ),
    )
    assert wrong == []


def test_text_is_never_html():
    """Uploaded text must not become HTML; a frame from elsewhere isn't sandboxed."""
    banned = {"unsafe_allow_html", "unsafe_allow_javascript", "iframe"}
    assert offenders(product_files(), lambda path: bool(banned & set(words(path)))) == []


def test_no_icon_is_fetched_from_elsewhere():
    """Hazard KW-H16: Streamlit loads a material icon of a page from fonts.gstatic.com."""
    wrong = [
        f"{name(path)}: {call}"
        for path in product_files()
        for call, node in called(path)
        if call in {"Page", "set_page_config", "logo"}
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.startswith(":material")
    ]
    assert wrong == []


ADDRESS_DOORS = ["kneewise/ui/frame.py", "kneewise/ui/link.py"]
"""The frame hands on what an address held when a page is opened through app.py; only the link writes one."""


def test_nothing_about_a_patient_goes_into_the_address():
    """An address lands in histories and logs. One door writes it, and the screens of a patient do not know that door."""
    screens = [path for path in product_files() if part_of_file(path) in {"app", "pages", "ui"}]
    touching = offenders(screens, lambda path: bool({"query_params", "bind"} & set(words(path))))
    assert touching == ADDRESS_DOORS
    through = offenders(screens, lambda path: "kneewise.ui.link" in imports(path))
    assert all(each.startswith("kneewise/ui/outcome") for each in through), through


def test_the_main_button_is_readable_in_the_dark():
    """White on the dark theme's main colour has a contrast of 2:1; `frame.main_button_type()` knows."""
    wrong = [
        name(path)
        for path in product_files()
        for _, node in called(path)
        for keyword in node.keywords
        if keyword.arg == "type" and isinstance(keyword.value, ast.Constant) and keyword.value.value == "primary"
    ]
    assert wrong == []


def test_no_shell_is_started():
    wrong = [
        name(path)
        for path in product_files()
        for call, node in called(path)
        if ast.unparse(node.func) in {"os.system", "os.popen"}
        or any(each.arg == "shell" and getattr(each.value, "value", True) is not False for each in node.keywords)
    ]
    assert wrong == []


def test_nothing_unpickles():
    assert (
        offenders(product_files(), lambda path: bool({"read_pickle", "pickle", "eval", "exec"} & set(words(path))))
        == []
    )


def test_assert_is_only_in_tests():
    """`python -O` drops assert; a check that matters raises."""
    assert (
        offenders(product_files(), lambda path: any(isinstance(each, ast.Assert) for each in ast.walk(tree(path))))
        == []
    )


def test_no_exception_is_swallowed():
    """`except ...: pass` hides what went wrong."""

    def swallows(path: Path) -> bool:
        return any(
            isinstance(each, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in each.body)
            for each in ast.walk(tree(path))
        )

    assert offenders(product_files(), swallows) == []


def test_modules_are_named_after_what_they_do():
    assert offenders(product_files(), lambda path: path.stem in FORBIDDEN_NAMES) == []


def test_public_functions_say_what_comes_back():
    wrong = [
        f"{name(path)}: {each.name}"
        for path in product_files()
        for each in tree(path).body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not each.name.startswith("_")
        and ast.get_docstring(each) is None
    ]
    assert wrong == []


def test_the_set_up_needs_nothing_but_python():
    import sys

    foreign = {module.split(".")[0] for module in imports(ROOT / "run.py")} - set(sys.stdlib_module_names)
    assert foreign == set()


# Plain counting, sharing, rounding and formatting. Anything else in the reasoning or in a figure's words is a number
# about knees and belongs into knowledge/, where it has a unit, a population, a source and a status.
HARMLESS_NUMBERS = {-1, 0, 1, 2, 3, 4, 0.5, 10, 100}

# Numbers in the reasoning that are about files, not knees.
ABOUT_FILES = {("kneewise/reasoning/findings.py", 40), ("kneewise/reasoning/findings.py", 1000)}


def medical_numbers(source: ast.AST) -> list[float]:
    """The numbers of a syntax tree that are neither harmless nor a default of drawing (keyword arguments)."""
    drawing = {id(each) for node in ast.walk(source) if isinstance(node, ast.keyword) for each in ast.walk(node.value)}
    return [
        node.value
        for node in ast.walk(source)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
        and node.value not in HARMLESS_NUMBERS
        and id(node) not in drawing
    ]


def test_the_reasoning_takes_its_numbers_from_the_knowledge_base():
    wrong = {
        (name(path), number)
        for path in product_files()
        if part_of_file(path) == "reasoning"
        for number in medical_numbers(tree(path))
    }
    assert wrong - ABOUT_FILES == set()


def test_the_law_of_numbers_would_catch_a_cut_off():
    assert medical_numbers(ast.parse("if navicular_drop_mm > 11: pronated = True")) == [11]


def test_texts_hold_no_percentage_or_dose_of_their_own():
    """A sentence on screen with a percentage, degrees or a multiple in it gets that number from the knowledge base."""
    claim = re.compile(r"\d\s?(%|°|degrees|per cent|body weight|mm\b|weeks\b)")
    shown = ("kneewise/ui/", "kneewise/figures/", "kneewise/reasoning/", "kneewise/learning/", "pages/")
    wrong = [
        f"{name(path)}: {text[:60]}"
        for path in product_files()
        if name(path).startswith(shown)
        for text in texts(path)
        if claim.search(text) and not is_docstring(path, text)
    ]
    assert wrong == []


def is_docstring(path: Path, text: str) -> bool:
    documented = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(
        ast.get_docstring(node, clean=False) == text for node in ast.walk(tree(path)) if isinstance(node, documented)
    )


def test_every_file_in_git_stays_small():
    heavy = [
        f"{name(path)}: {path.stat().st_size} bytes" for path in files_in_git() if path.stat().st_size >= 1_500_000
    ]
    assert heavy == []


def test_no_file_names_a_place_on_somebodys_machine():
    place = re.compile(r"(?<![\w.])/(?:work|home/\w+|Users/\w+|tmp|root)/[\w.]|[A-Z]:\\Users\\")
    text_kinds = {".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".json", ".csv", ".ipynb", ".js", ".sh", ""}
    wrong = []
    for path in files_in_git():
        if path.suffix in text_kinds and path != Path(__file__):
            found = place.search(path.read_text(encoding="utf-8", errors="replace"))
            if found:
                wrong.append(f"{name(path)}: {found.group()}")
    assert wrong == []
