"""The leg in a real browser: it follows the finger and sends nothing, speaks, plays, saves, and survives bad luck."""

from __future__ import annotations

import re
import urllib.request
import xml.etree.ElementTree as ElementTree

import pytest
from playwright.sync_api import expect

from kneewise.leg.bundle import bundle_path
from kneewise.leg.material import leg_spec, leg_words
from kneewise.ui import material

KNOWLEDGE = material.knowledge()
WORDS = leg_words(KNOWLEDGE, "clinician")
MOST_BYTES_ON_RELEASE = 6_000


@pytest.fixture
def leg(page, open_screen):
    """The explorer's leg at 1440 x 900, drawn as SVG."""
    open_screen(page, "explorer")
    return drawn(page)


def drawn(page):
    root = page.locator(".leg")
    expect(root).to_have_attribute("data-frame", re.compile(r"[1-9]"))
    return root


def slider(root, name: str):
    return root.locator(f"input[name={name}]")


def frame_of(root) -> int:
    return int(root.get_attribute("data-frame"))


def pressed_factors(root) -> list[str]:
    pressed = root.locator("button[data-factor][aria-pressed=true]")
    return pressed.evaluate_all("(all) => all.map((each) => each.dataset.factor)")


def femur(root) -> str:
    return root.locator("[data-part=femur]").first.evaluate("(each) => each.outerHTML + each.parentElement.outerHTML")


def bytes_over_the_socket(page) -> dict[str, int]:
    """Counts what is sent and received from now on."""
    seen = {"sent": 0, "received": 0}

    def size(payload) -> int:
        return len(payload if isinstance(payload, bytes) else payload.encode())

    def watch(socket):
        socket.on("framesent", lambda payload: seen.__setitem__("sent", seen["sent"] + size(payload)))
        socket.on("framereceived", lambda payload: seen.__setitem__("received", seen["received"] + size(payload)))

    page.on("websocket", watch)
    return seen


def test_the_leg_follows_the_finger_and_sends_nothing_until_it_is_let_go(page, open_screen, settled):
    socket = bytes_over_the_socket(page)
    open_screen(page, "explorer")
    root = drawn(page)
    thumb = slider(root, "knee_flexion_deg")
    thumb.scroll_into_view_if_needed()
    page.wait_for_timeout(800)  # whatever still loads is not the leg's
    box = thumb.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.27, y)
    page.mouse.down()
    pictures, before = {femur(root)}, dict(socket)
    for share in (0.35, 0.45, 0.55, 0.65):
        page.mouse.move(box["x"] + box["width"] * share, y)
        page.wait_for_timeout(60)
        pictures.add(femur(root))
    assert len(pictures) == 5
    assert socket == before, "something went over the socket while the slider was dragged"
    page.mouse.up()
    settled(page)
    page.wait_for_timeout(500)
    assert 0 < socket["sent"] - before["sent"] < MOST_BYTES_ON_RELEASE
    assert socket["received"] - before["received"] < MOST_BYTES_ON_RELEASE


def test_a_rerun_neither_mounts_the_leg_anew_nor_moves_it(page, leg, settled):
    slider(leg, "hip_rotation_deg").fill("20")
    leg.locator("label[for=view-kneecap]").click()
    settled(page)
    page.evaluate("document.querySelector('[data-testid=stMain]').dataset.mark = 'same page'")
    leg.evaluate("(root) => { root.mark = 'same leg'; }")
    page.get_by_role("radio", name="The story").click()
    settled(page)
    assert leg.evaluate("(root) => root.mark") == "same leg"
    expect(slider(leg, "hip_rotation_deg")).to_have_value("20")
    expect(leg).to_have_attribute("data-view", "kneecap")


def test_the_leg_is_as_it_was_left_after_another_page(page, leg, settled):
    slider(leg, "knee_flexion_deg").fill("75")
    settled(page)
    page.wait_for_timeout(400)
    page.get_by_role("link", name="Cases").click()
    page.get_by_role("heading", level=1, name="Cases").wait_for()
    page.get_by_role("link", name="Explorer").click()
    page.get_by_role("heading", level=1, name="Explorer").wait_for()
    expect(slider(drawn(page), "knee_flexion_deg")).to_have_value("75")


def test_every_slider_works_by_keyboard_and_has_name_value_and_unit(page, leg):
    for each in KNOWLEDGE.leg.inputs:
        thumb = slider(leg, each.id.split(".")[1])
        name = each.label.clinician
        expect(thumb).to_have_accessible_name(name)
        thumb.focus()
        before, said = float(thumb.input_value()), thumb.get_attribute("aria-valuetext")
        page.keyboard.press("ArrowRight" if before < each.maximum else "ArrowLeft")
        assert float(thumb.input_value()) != before, name
        expect(thumb).not_to_have_attribute("aria-valuetext", said)
        if each.unit == "deg":
            assert "degrees" in thumb.get_attribute("aria-valuetext")
        page.keyboard.press("End")
        assert float(thumb.input_value()) == each.maximum
        page.keyboard.press("Home")
        assert float(thumb.input_value()) == each.minimum
        page.keyboard.press("PageUp")
        assert float(thumb.input_value()) > each.minimum


def test_the_picture_says_what_is_seen_and_says_it_anew_when_it_changes(page, leg):
    stage = leg.get_by_role("img").first
    before = stage.get_attribute("aria-label")
    slider(leg, "knee_flexion_deg").fill("90")
    expect(stage).to_have_attribute("aria-label", re.compile("flexed 90 degrees"))
    assert before != stage.get_attribute("aria-label")
    expect(leg.locator("[aria-live=polite]").last).to_contain_text("90 degrees")


def test_findings_move_the_leg_and_a_what_if_on_the_page_reaches_it(page, leg, settled):
    pressed = leg.locator("button[data-factor][aria-pressed=true]")
    expect(pressed).to_have_count(4)  # of the worked example's six factors four can be drawn
    page.locator("[data-testid=stButtonGroup]").get_by_text("Foot pronation", exact=True).click()
    settled(page)
    expect(pressed).to_have_count(3)
    expect(slider(leg, "rearfoot_eversion_deg")).to_have_value("6")


def test_what_is_shown_on_the_leg_is_a_what_if_on_the_map(page, leg, settled):
    leg.locator("button[data-factor='factor.genu_valgum']").click()
    page.get_by_text("(what if)").wait_for()
    settled(page)
    expect(slider(leg, "tibiofemoral_angle_deg")).to_have_value("8")
    card = leg.locator(".card")
    factor = KNOWLEDGE.entry("factor.genu_valgum")
    for text in (factor.verdict.clinician, factor.helps.clinician, WORDS["how_sure"], WORDS["what_helps"]):
        expect(card).to_contain_text(text)
    leg.locator("button[data-factor='factor.genu_valgum']").click()
    page.get_by_text("(what if)").wait_for(state="detached")


def test_a_step_without_support_is_drawn_faded_and_says_so_until_the_story_is_told(page, leg, settled):
    foot = "factor.foot_pronation"
    others = [each for each in pressed_factors(leg) if each != foot]
    assert others
    expect(leg).to_have_attribute("data-faded", "no")
    for each in others:
        leg.locator(f"button[data-factor='{each}']").click()
        settled(page)
    assert pressed_factors(leg) == [foot]
    expect(leg).to_have_attribute("data-faded", "yes")
    expect(leg.locator(".sentence")).to_contain_text(WORDS["faded"])
    page.get_by_role("radio", name="The story").click()
    settled(page)
    expect(leg).to_have_attribute("data-faded", "no")
    expect(leg.locator(".sentence")).not_to_contain_text(WORDS["faded"])


def test_the_skin_of_a_bent_knee_has_no_holes(leg):
    """Sides and rings of the skin in one path cancelled each other where they ran opposite ways: crescents of nothing."""
    slider(leg, "knee_flexion_deg").fill("100")
    front = leg.locator("[data-view=front]")
    for part in ("skin_leg", "skin_leg_rings"):
        expect(front.locator(f"path[data-part={part}]")).to_have_count(1)
    expect(front.locator("path[data-part=skin_leg_rings]")).to_have_attribute("d", re.compile("M.+Z"))
    sides = front.locator("path[data-part=skin_leg]").get_attribute("d")
    assert sides.count("Z") == 1


def test_left_and_right_are_mirror_images(page, leg):
    knee = "(root) => { const a = root.querySelector('[data-part=patella]').getBoundingClientRect(), b = root.querySelector('.stage').getBoundingClientRect(); return (a.left + a.right) / 2 - b.left; }"
    leg.locator("label[for=side-left]").click()
    expect(leg).to_have_attribute("data-side", "left")
    left = leg.evaluate(knee)
    leg.locator("label[for=side-right]").click()
    expect(leg).to_have_attribute("data-side", "right")
    page.wait_for_timeout(100)
    assert abs(leg.evaluate(knee) - left) > 5


def test_a_movement_plays_and_stops_where_it_is(new_page, open_screen):
    page = new_page(motion=True)
    open_screen(page, "explorer")
    root = drawn(page)
    root.locator("#movement").select_option("squat")
    root.locator("[data-act=play]").click()
    before = frame_of(root)
    page.wait_for_timeout(700)
    assert frame_of(root) - before > 5
    root.locator("[data-act=play]").click()
    page.wait_for_timeout(200)
    at_rest = frame_of(root)
    page.wait_for_timeout(300)
    assert frame_of(root) - at_rest <= 1
    assert float(slider(root, "knee_flexion_deg").input_value()) > 0


def test_with_reduced_motion_a_movement_is_a_row_of_still_moments(page, leg):
    leg.locator("#movement").select_option("walking")
    expect(leg.locator("[data-act=play]")).to_have_count(0)
    leg.locator("[data-act=next]").click()
    first = femur(leg)
    at_rest = frame_of(leg)
    page.wait_for_timeout(400)
    assert frame_of(leg) - at_rest <= 1
    leg.locator("[data-act=next]").click()
    page.wait_for_timeout(100)
    assert femur(leg) != first
    expect(leg.locator(".moment")).to_contain_text(re.compile(r"\d of 8"))


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_picture_can_be_saved_with_its_words(kind, page, leg, tmp_path):
    with page.expect_download() as saved:
        leg.locator(f"[data-act=save-{kind}]").click()
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    assert path.suffix == f".{kind}"
    if kind == "png":
        from PIL import Image

        picture = Image.open(path)
        assert picture.width >= 800
        assert len(picture.convert("RGB").getcolors(1_000_000)) > 500
    else:
        root = ElementTree.parse(path).getroot()
        assert root.tag.endswith("svg")
        said = " ".join(root.itertext())
        assert WORDS["standing"].split(",")[0] in said
        assert not [each for each in root.iter() if each.tag.endswith(("script", "foreignObject", "image"))]


@pytest.mark.parametrize("three_d", [False, True], ids=["drawing", "3-D"])
def test_the_picture_goes_into_the_plan_and_onto_the_page_to_take_home(
    three_d, new_page, open_screen, settled, serious_violations, tmp_path
):
    page = new_page(three_d=three_d, scheme="dark")
    open_screen(page, "explorer")
    root = drawn(page)
    if three_d:
        root.locator("label[for=picture-gl]").click()
        expect(root).to_have_attribute("data-renderer", re.compile("gl"), timeout=30_000)
    slider(root, "knee_flexion_deg").fill("60")
    root.locator("[data-act=to-plan]").click()
    page.get_by_text("The picture is in the plan").wait_for()
    page.get_by_role("link", name="Decision aid").click()
    page.get_by_role("heading", level=1, name="Decision aid").wait_for()
    settled(page)
    page.get_by_role("radio", name=re.compile("^5 ")).click()
    settled(page)
    picture = page.get_by_role("img", name=re.compile("The knee is bent 60 degrees"))
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("(each) => each.naturalWidth") >= 800
    assert serious_violations(page) == []
    page.get_by_role("button", name="Make the take-home page").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name=re.compile("^Save the take-home page")).click()
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    assert path.read_bytes()[:5] == b"%PDF-"


def test_full_screen_has_no_clinicians_detail_and_large_type(page, leg):
    size = "(root) => parseFloat(getComputedStyle(root.querySelector('.sentence')).fontSize)"
    before = leg.evaluate(size)
    detail = [
        each.label.clinician
        for each in KNOWLEDGE.leg.labels
        if each.clinician_only and (not each.views or "front" in each.views)
    ]
    assert detail
    for label in detail:
        expect(leg.locator(".stage")).to_contain_text(label)
    leg.locator("[data-act=present]").click()
    page.wait_for_timeout(300)
    for label in detail:
        expect(leg.locator(".stage")).not_to_contain_text(label)
    assert leg.evaluate(size) > before
    valgum = KNOWLEDGE.entry("factor.genu_valgum").label
    button = leg.locator("button[data-factor='factor.genu_valgum']")
    expect(button).to_have_text(valgum.patient)  # full screen is turned towards the patient
    expect(leg.locator(".sentence")).to_contain_text("The knee is bent 30 degrees.")
    expect(slider(leg, "thigh_follows")).to_have_count(0)
    expect(leg.locator("[data-act=present]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_have_text(valgum.clinician)
    expect(leg.locator(".sentence")).to_contain_text("The knee is flexed 30 degrees.")


def test_without_webgl_the_drawing_stays_and_one_sentence_says_why(page, leg):
    leg.locator("label[for=picture-gl]").click()
    expect(leg.locator(".status")).to_contain_text("cannot show the 3-D view")
    expect(leg).to_have_attribute("data-renderer", "svg")
    slider(leg, "knee_flexion_deg").fill("60")
    expect(leg.locator(".sentence")).to_contain_text("60 degrees")


BROKEN = """async ([address, data]) => {
    const leg = await import(address);
    const place = document.createElement('div');
    place.innerHTML = '<div data-leg-root></div>';
    document.body.append(place);
    leg.default({ data, parentElement: place, setStateValue() {}, setTriggerValue() {} });
    await new Promise((done) => setTimeout(done, 500));
    const root = place.querySelector('.leg');
    const said = { renderer: root.dataset.renderer, sentence: root.querySelector('.sentence').textContent,
        status: root.querySelector('.status').textContent, bones: place.querySelectorAll('[data-part=femur]').length };
    place.remove();
    return said;
}"""


@pytest.mark.parametrize("what", ["nothing", "a constant", "an output", "a number"])
def test_without_a_whole_model_the_drawing_stands_with_one_sentence(what, page, open_screen):
    open_screen(page, "explorer")
    drawn(page)
    spec = leg_spec(KNOWLEDGE, "clinician")
    if what == "nothing":
        spec = None
    elif what == "a constant":
        spec["graph"] = {**spec["graph"], "literals": [None, *spec["graph"]["literals"][1:]]}
    elif what == "an output":
        spec["graph"] = {**spec["graph"], "outputs": {}}
    else:
        spec["context"] = {**spec["context"], "men_share": None}
    address = f"/_stcore/bidi-components/kneewise.leg/{bundle_path().name}"
    said = page.evaluate(BROKEN, [address, {"spec": spec, "words": WORDS, "factors": [], "labels": [], "values": {}}])
    assert said["renderer"] == "svg"
    assert said["bones"] >= 1
    assert "could not be worked out" in said["sentence"]


def test_a_value_outside_its_range_is_clamped_and_said_on_the_leg(page, open_screen):
    open_screen(page, "explorer")
    drawn(page)
    address = f"/_stcore/bidi-components/kneewise.leg/{bundle_path().name}"
    data = {"spec": leg_spec(KNOWLEDGE, "clinician"), "words": WORDS, "factors": [], "labels": []}
    said = page.evaluate(BROKEN, [address, {**data, "values": {"knee_flexion_deg": 500, "hip_rotation_deg": None}}])
    assert "Knee flexion goes from 0° (straight) to 120° (flexed); the leg shows 120°." in said["status"]
    assert "flexed 120 degrees" in said["sentence"]


def test_a_fresh_server_hands_out_the_script_before_anybody_has_seen_the_leg(fresh_server):
    """The page names the script in its header, so the browser asks for it first."""
    with urllib.request.urlopen(f"{fresh_server.address}/explorer") as answer:
        named = re.findall(r"<([^>]+)>; rel=modulepreload", answer.headers["link"])
    assert any(bundle_path().name in each for each in named)
    for each in named:
        with urllib.request.urlopen(fresh_server.address + each) as answer:
            assert answer.status == 200
            assert "javascript" in answer.headers["content-type"]


def test_the_three_dimensional_leg_is_drawn_turned_by_keyboard_and_gives_way_when_it_is_lost(new_page, open_screen):
    page = new_page(three_d=True)
    open_screen(page, "explorer")
    root = drawn(page)
    expect(root).to_have_attribute("data-renderer", "svg")  # software drawing is no reason to leave the SVG by itself
    root.locator("label[for=picture-gl]").click()
    expect(root).to_have_attribute("data-renderer", re.compile("gl"), timeout=30_000)
    stage = root.locator(".stage")
    first = stage.screenshot()
    stage.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(600)
    assert stage.screenshot() != first
    page.keyboard.press("0")
    slider(root, "knee_flexion_deg").fill("80")
    page.wait_for_timeout(600)
    assert stage.screenshot() != first
    root.evaluate(
        "(each) => each.querySelector('canvas').getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
    )
    expect(root).to_have_attribute("data-renderer", "svg")
    expect(root.locator(".status")).to_contain_text("3-D view stopped")
    slider(root, "knee_flexion_deg").fill("20")
    expect(root.locator(".sentence")).to_contain_text("20 degrees")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "tablet"])
def test_the_scan_finds_nothing_serious_on_the_leg(size, scheme, new_page, open_screen, serious_violations):
    page = new_page(size=size, scheme=scheme)
    open_screen(page, "explorer")
    drawn(page)
    assert serious_violations(page) == []


def test_every_word_keeps_its_distance_from_the_edge_on_a_tablet(new_page, open_screen):
    page = new_page(size="tablet")
    open_screen(page, "explorer")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
