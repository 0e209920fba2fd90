"""Cases of real exports, built once for all tests of what explains a problem."""

from pathlib import Path

import pandas as pd
import pytest

from analytics.tables.cases import build_cases
from analytics.tables.schema import Tables


@pytest.fixture(scope="session")
def ecommerce_cases(datasets: Path) -> pd.DataFrame:
    """Contacts with a CSAT answer each; handling time has 46 values in all."""
    raw = pd.read_csv(datasets / "csat-ecommerce" / "csat_2023-08-01_to_23.csv")
    contacts = pd.DataFrame({"contact_id": raw["Unique id"], "customer_id": raw["Unique id"]})
    contacts["started_at"] = pd.to_datetime(raw["Issue_reported at"], dayfirst=True)
    contacts["first_response_at"] = pd.to_datetime(raw["issue_responded"], dayfirst=True)
    contacts[["channel", "reason"]] = raw[["channel_name", "category"]]
    contacts[["handle_time_s", "shift", "tenure"]] = raw[["connected_handling_time", "Agent Shift", "Tenure Bucket"]]
    surveys = pd.DataFrame({"contact_id": raw["Unique id"], "csat": raw["CSAT Score"].astype(float)})
    return build_cases(Tables(contacts=contacts, surveys=surveys))


@pytest.fixture(scope="session")
def cfpb_cases(datasets: Path) -> pd.DataFrame:
    """Complaints of 2013 to 2017, when consumers were asked whether they disputed the company's answer."""
    raw = pd.read_csv(datasets / "cfpb" / "complaints_2013_2017_no_narrative.csv")
    flag = {"Yes": True, "No": False}
    complaints = pd.DataFrame({"complaint_id": raw.index.astype(str), "category": raw["Product"]})
    complaints["received_at"] = pd.to_datetime(raw["Date received"])
    complaints["timely"] = raw["Timely response?"].map(flag).astype("boolean")
    complaints["disputed"] = raw["Consumer disputed?"].map(flag).astype("boolean")
    complaints["relief"] = raw["Company response to consumer"]
    return build_cases(Tables(complaints=complaints))


@pytest.fixture(scope="session")
def call_centre_cases(datasets: Path) -> pd.DataFrame:
    """Training file in which satisfaction is independent of everything."""
    raw = pd.read_excel(datasets / "controls" / "call_center.xlsx")
    contacts = pd.DataFrame({"contact_id": raw["Call Id"], "customer_id": raw["Call Id"], "team": raw["Agent"]})
    contacts["started_at"] = pd.to_datetime(raw["Date"].astype(str) + " " + raw["Time"].astype(str))
    contacts["reason"], contacts["solved"] = raw["Topic"], raw["Resolved"]
    contacts["wait_time_s"] = raw["Speed of answer in seconds"]
    contacts["handle_time_s"] = pd.to_timedelta(raw["AvgTalkDuration"]).dt.total_seconds()
    surveys = pd.DataFrame({"contact_id": raw["Call Id"], "csat": raw["Satisfaction rating"]})
    return build_cases(Tables(contacts=contacts, surveys=surveys))


@pytest.fixture(scope="session")
def ticket_cases(datasets: Path) -> pd.DataFrame:
    """Generated tickets: ratings independent of every column, half of the resolutions before the first response."""
    raw = pd.read_csv(datasets / "controls" / "support_tickets.csv")
    stamps = raw[["First Response Time", "Time to Resolution"]].apply(pd.to_datetime, dayfirst=True)
    contacts = pd.DataFrame({"contact_id": raw["Ticket ID"], "customer_id": raw["Customer Email"]})
    contacts["started_at"] = stamps["First Response Time"].fillna(pd.Timestamp("2023-06-01"))
    contacts["resolved_at"] = stamps["Time to Resolution"]
    contacts[["channel", "reason"]] = raw[["Ticket Channel", "Ticket Type"]]
    contacts[["priority", "product", "age"]] = raw[["Ticket Priority", "Product Purchased", "Customer Age"]]
    surveys = pd.DataFrame({"contact_id": raw["Ticket ID"], "csat": raw["Customer Satisfaction Rating"]})
    return build_cases(Tables(contacts=contacts, surveys=surveys))
